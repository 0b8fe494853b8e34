import { describe, expect, test } from "vitest";
import { simulateFleet } from "./simulatedFleet.js";

const SEED = Number(process.env.SYNAPSE_FLEET_SEED ?? 1 + Math.floor(Math.random() * 1e6));

describe(`a fleet on one broker, a packet in twenty lost and the connection with it (SYNAPSE_FLEET_SEED=${SEED})`, () => {
  const fleet = () => simulateFleet({ boards: 24, commandsPerBoard: 3, seed: SEED, loss: 0.05 });

  test("every command runs once and is answered once, the broker knows every board, and the same seed does the same", async () => {
    const first = await fleet();
    expect(first).toMatchObject({ commands: 72, answers: [0, 72, 0], failures: [], ran: 72, statusesWrong: 0 });
    expect(first.connectionsLost).toBeGreaterThan(24);
    expect(await fleet()).toEqual(first);
  }, 240_000);
});
