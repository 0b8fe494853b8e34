import { engineSuite } from "./engineSuite.js";
import { openNativeEngine } from "./native.js";

engineSuite("native", { open: openNativeEngine, mutations: 100, everyHeaderByte: true });
