import { expect, test } from "vitest";
import { brokerAt, MQTT_PORT, serveBroker } from "./boardBroker.js";

test("a broker takes the next free port unless a port was asked for", async () => {
  const first = await serveBroker("127.0.0.1", undefined);
  const second = await serveBroker("127.0.0.1", undefined);
  try {
    const [one, two] = [first, second].map(({ url }) => Number(new URL(url).port)) as [number, number];
    expect(one).toBeGreaterThanOrEqual(MQTT_PORT);
    expect(two).toBeGreaterThan(one);
    expect(first.lanUrl).toBeUndefined();
    await expect(serveBroker("127.0.0.1", one)).rejects.toMatchObject({ code: "PORT_UNAVAILABLE" });
  } finally {
    await first.close();
    await second.close();
  }
});

test("addresses of brokers, of which no password is shown", () => {
  expect(brokerAt("mqtt://10.0.0.2:1883")).toMatchObject({ url: "mqtt://10.0.0.2:1883", embedded: false });
  const secret = brokerAt("mqtts://panel:s3cret@broker.example:8883");
  expect(secret.url).toBe("mqtts://broker.example:8883");
  expect(secret.boardUrl).toBe("mqtts://panel:s3cret@broker.example:8883");
  for (const wrong of [
    "",
    "10.0.0.2",
    "localhost:1883",
    "http://10.0.0.2",
    "mqtt://",
    "mqtt://b:0",
    "mqtt://b:-1",
    "mqtt://b:70000",
    "mqtt://b:",
  ]) {
    expect(() => brokerAt(wrong), wrong).toThrow(/expected mqtt:/);
  }
  expect(() => brokerAt("mqtt://panel:s3cret@b:99999")).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining("s3cret") }),
  );
});
