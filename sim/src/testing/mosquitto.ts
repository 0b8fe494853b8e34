import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Mosquitto {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Whether the broker and its command line clients are installed. */
export function hasMosquitto(): boolean {
  try {
    execFileSync("sh", ["-c", "command -v mosquitto && command -v mosquitto_pub && command -v mosquitto_sub"], {
      stdio: "ignore",
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    return true;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface MosquittoUser {
  readonly name: string;
  readonly password: string;
}

export interface MosquittoOptions {
  /** Nobody else may connect. */
  readonly user?: MosquittoUser;
  /** More than one. */
  readonly users?: readonly MosquittoUser[];
  /** Access list of this file. */
  readonly acl?: string;
  /** TLS with certificate and key of these files; clients have to prove who they are to this authority. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientAuthority: string };
}

const PORT_ATTEMPTS = 5;

/** A mosquitto of its own on any free port. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  // The broker cannot choose a port itself, and between two looks at it another test may have
  // taken the one that was free.
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(await freePort(), options);
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !String(error).includes("Address already in use")) throw error;
    }
  }
}

async function startOn(port: number, { user, users = user && [user], tls, acl }: MosquittoOptions): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), "synapse-mosquitto-"));
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const lines = [
    `listener ${port} 127.0.0.1`,
    "persistence false",
    `allow_anonymous ${users === undefined}`,
    "max_queued_messages 0",
  ];
  if (users !== undefined) {
    const file = join(folder, "passwords");
    writeFileSync(file, "");
    for (const { name, password } of users)
      execFileSync("mosquitto_passwd", ["-b", file, name, password], { env, stdio: "ignore" });
    lines.push(`password_file ${file}`);
  }
  if (acl !== undefined) lines.push(`acl_file ${acl}`);
  if (tls !== undefined) {
    lines.push(
      `certfile ${tls.certificate}`,
      `keyfile ${tls.key}`,
      `cafile ${tls.clientAuthority}`,
      "require_certificate true",
    );
  }
  // Started by root it would become a user who cannot read the folder.
  if (process.getuid?.() === 0) lines.push("user root");
  writeFileSync(join(folder, "mosquitto.conf"), `${lines.join("\n")}\n`);
  const child = spawn("mosquitto", ["-c", join(folder, "mosquitto.conf")], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      output += text;
      if (/mosquitto version .* running/.test(output)) resolve();
    });
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`mosquitto ended with ${code}: ${output}`)));
  });
  return {
    port,
    url: `${tls === undefined ? "mqtt" : "mqtts"}://127.0.0.1:${port}`,
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
