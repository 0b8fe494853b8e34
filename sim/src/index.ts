export {
  type BoardEngine,
  type BoardNetwork,
  type BoardRequest,
  type BoardResponse,
  type OpenRequest,
  type ResponseSink,
  SimulatedBoard,
  type SimulatedBoardOptions,
} from "./board/board.js";
export { type Board, type Partition, parseBoard } from "./board/boardSchema.js";
export { type CorePartitions, corePartitions, modelPartitions } from "./board/corePartitions.js";
export { POWER_CUTS, type PowerCut, type ResetReason } from "./board/deviceCore.js";
export { readBoard } from "./board/readBoard.js";
export { serveTab, type TabOptions } from "./browser/serveTab.js";
export { bytesInFull, formatBytes, significant } from "./bytesText.js";
export * from "./engine/engine.js";
export { allocateAligned, openNativeEngine } from "./engine/native.js";
export { openRv32Engine, type Rv32Options } from "./engine/rv32.js";
export { createWasmEngine } from "./engine/wasm.js";
export { openWasmEngine } from "./engine/wasmNode.js";
export * from "./errors.js";
export { decodeImage } from "./image/decodeImage.js";
export { type BrokerAddress, brokerAddress } from "./mqtt/brokerAddress.js";
export { BrokerLink, type BrokerLinkOptions } from "./mqtt/brokerLink.js";
export { type BrokerOptions, type EmbeddedBroker, startBroker } from "./mqtt/embeddedBroker.js";
export { type Announcement, type AnnounceOptions, announceBoard } from "./server/announce.js";
export { type DiscoveredBoard, type DiscoverOptions, discoverBoards } from "./server/discover.js";
export type { BoardServer, ServeOptions } from "./server/listen.js";
export { serveBoard } from "./server/serveBoard.js";
export { qemuMissing } from "./testing/qemu.js";
export { secureOptions, type TlsIdentity, type TlsOptions } from "./tls.js";
