import { mount } from "./mount.js";
import { networkTransport } from "./transport.js";

mount(document.getElementById("app") as Element, networkTransport);
