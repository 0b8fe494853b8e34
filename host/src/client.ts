/** The clients of boards, which are a package of their own. */
export * from "synapse-client";
