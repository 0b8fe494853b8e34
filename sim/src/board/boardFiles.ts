export * from "./boardDescription.js";
export { readBoard } from "./readBoard.js";
