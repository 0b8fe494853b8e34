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
export { boardModule, defaultBoardEngine } from "./board/boardBuilds.js";
export * from "./board/boardFiles.js";
export { POWER_CUTS, type PowerCut, type ResetReason } from "./board/deviceCore.js";
export { serveTab, type TabOptions } from "./browser/serveTab.js";
export { type BrokerAddress, brokerAddress } from "./mqtt/brokerAddress.js";
export { BrokerLink, type BrokerLinkOptions } from "./mqtt/brokerLink.js";
export { type BrokerOptions, type EmbeddedBroker, startBroker } from "./mqtt/embeddedBroker.js";
export type { LineFaults } from "./serial/line/faults.js";
export { type SimulatedChip, type SimulatedChipOptions, startSimulatedChip } from "./serial/startSimulatedChip.js";
export { type Announcement, type AnnounceOptions, announceBoard } from "./server/announce.js";
export { type DiscoveredBoard, type DiscoverOptions, discoverBoards } from "./server/discover.js";
export type { BoardServer, ServeOptions } from "./server/listen.js";
export { serveBoard } from "./server/serveBoard.js";
export { secureOptions, type TlsIdentity, type TlsOptions } from "./tls.js";
