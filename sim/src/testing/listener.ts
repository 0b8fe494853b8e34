import type { IPublishPacket, MqttClient } from "mqtt";

/** Messages as they come, and the next one that somebody waits for. */
export class Listener {
  readonly messages: { topic: string; payload: Buffer; packet: IPublishPacket }[] = [];
  #waiting: (() => void)[] = [];

  constructor(client: MqttClient) {
    client.on("message", (topic, payload, packet) => {
      this.messages.push({ topic, payload, packet });
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  async next(
    topic: string,
    matches: (text: string) => boolean = () => true,
  ): Promise<{ payload: Buffer; packet: IPublishPacket }> {
    for (;;) {
      const index = this.messages.findIndex(
        (message) => message.topic === topic && matches(message.payload.toString()),
      );
      const [found] = index < 0 ? [] : this.messages.splice(index, 1);
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async json(topic: string, matches?: (text: string) => boolean): Promise<Record<string, unknown>> {
    return JSON.parse((await this.next(topic, matches)).payload.toString());
  }
}
