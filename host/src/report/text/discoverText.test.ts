import pc from "picocolors";
import { expect, test } from "vitest";
import { discoverText } from "./discoverText.js";

const shelf = { host: "synapse-pc-8080.local", port: 8080, addresses: ["192.0.2.7"], url: "http://192.0.2.7:8080" };
const style = { paint: pc.createColors(false), width: 100 };

test("boards are a table, and what a stranger announces cannot move the cursor", () => {
  const text = discoverText(style, [
    { ...shelf, name: "shelf", id: "02:00:00:00:00:01", model: "lewm", firmware: "0.1.0", board: "waveshare" },
    { ...shelf, name: "evil\u001b[2J\nname", id: null, model: null, firmware: null, board: null },
  ]);
  expect(text.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["name", "address", "model", "firmware", "board", "id"],
    ["shelf", "http://192.0.2.7:8080", "lewm", "0.1.0", "waveshare", "02:00:00:00:00:01"],
    ["evil [2J name", "http://192.0.2.7:8080", "none"],
  ]);
});
