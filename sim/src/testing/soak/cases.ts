import sharp from "sharp";
import { Xorshift32 } from "synapse-engine/testing/random";
import type { SimulatedBoard } from "../../board/board.js";

export interface SoakRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A request whose answer is known. */
export interface GoodCase {
  readonly name: string;
  /** `stream` is a name that no other client uses. */
  request(stream: string): SoakRequest;
  /** What is wrong with the answer's body; undefined when it is right to the bit. */
  wrong(answer: Readonly<Record<string, unknown>>): string | undefined;
}

/** A request that has to be refused. */
export interface BadCase {
  readonly name: string;
  readonly request: SoakRequest;
  readonly status: number;
  readonly code: string;
}

export interface SoakCases {
  readonly good: readonly GoodCase[];
  readonly bad: readonly BadCase[];
  /** A plan that takes long, told as events: for clients that leave. */
  readonly long: SoakRequest;
}

/** What is known of the model that the board runs. */
interface ModelFacts {
  readonly image: { readonly width: number; readonly height: number };
  readonly latent_elements: number;
  readonly action_elements: number;
  readonly history_max: number;
}

const PHOTOS = ["cat.jpg", "coffee.jpg", "rocket-portrait.jpg"];
const PREDICTIONS = 4;
const STEPS = 6;
const FRAMES_KNOWN = 64;
const JSON_TYPE = "application/json";
const NOTHING = new Uint8Array();
const encoder = new TextEncoder();

const json = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));

function post(
  path: string,
  type: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): SoakRequest {
  return { method: "POST", path, headers: { "content-type": type, ...headers }, body };
}

/**
 * Requests for the model that `reference` runs, with the answers that it gives while nothing disturbs it. `photo` reads
 * a file of samples/; everything else comes from `seed`.
 */
export async function makeCases(
  reference: SimulatedBoard,
  photo: (name: string) => Uint8Array,
  seed: number,
): Promise<SoakCases> {
  const random = new Xorshift32(seed);
  const model = await modelOf(reference);
  const ask = async (request: SoakRequest): Promise<Record<string, unknown>> => {
    const answer = await reference.handle({ ...request, target: request.path });
    const text = new TextDecoder().decode(answer.body);
    if (answer.status !== 200) throw new Error(`${request.path} answered ${answer.status}: ${text}`);
    return JSON.parse(text);
  };
  /** A case whose answer's `keys` are the reference's. */
  const known = async (name: string, request: SoakRequest, keys: readonly string[]): Promise<GoodCase> => {
    const expected = await ask(request);
    return { name, request: () => request, wrong: (answer) => differs(answer, expected, keys) };
  };
  const action = () => Array.from({ length: model.action_elements }, () => random.unit());

  const pictures = await picturesOf(photo, model, random);
  const encodes = pictures.map(({ type, bytes }) => post("/v1/encode?latent=base64", type, bytes));
  const latents: string[] = [];
  for (const request of encodes) latents.push((await ask(request)).latent as string);
  const latent = () => latents[random.below(latents.length)] as string;
  const good: GoodCase[] = [];
  for (const request of encodes) good.push(await known("encode", request, ["latent"]));
  for (let i = 0; i < PREDICTIONS; i++) {
    const length = 1 + random.below(model.history_max);
    const body = json({ history: Array.from({ length }, latent), actions: Array.from({ length }, action) });
    good.push(await known("predict", post("/v1/predict?latent=base64", JSON_TYPE, body), ["latent"]));
    const rollout = json({ start: { latent: latent() }, actions: Array.from({ length: STEPS }, action) });
    good.push(await known("rollout", post("/v1/rollout?latent=base64", JSON_TYPE, rollout), ["trajectory"]));
    const budget = { samples: 4, iterations: 2, elites: 2 };
    const plan = {
      start: { latent: latent() },
      goal: { latent: latent() },
      horizon: 2,
      budget,
      seed: random.below(1_000_000),
    };
    good.push(
      await known("plan", post("/v1/plan?latent=base64", JSON_TYPE, json(plan)), ["actions", "trajectory", "cost"]),
    );
  }
  good.push(...(await observations(latents, action, ask)));
  const frame = { latent: latents[0] };
  const long = {
    start: frame,
    goal: { latent: latents[1] },
    horizon: 4,
    budget: { samples: 100, iterations: 10, elites: 10 },
  };
  return {
    good,
    bad: badCases(pictures[0]?.bytes ?? NOTHING),
    long: post("/v1/plan", JSON_TYPE, json(long), { accept: "text/event-stream" }),
  };
}

async function modelOf(board: SimulatedBoard): Promise<ModelFacts> {
  const { body } = await board.handle({ method: "GET", target: "/v1/device" });
  const { slots } = JSON.parse(new TextDecoder().decode(body)) as {
    slots: (ModelFacts & { active: boolean; routes?: string[] })[];
  };
  const slot = slots.find(({ active }) => active);
  if (!slot?.routes?.includes("plan"))
    throw new Error("the soak needs a world model: one that encodes pictures and predicts from actions");
  return slot;
}

async function picturesOf(photo: (name: string) => Uint8Array, { image }: ModelFacts, random: Xorshift32) {
  const noise = Uint8Array.from({ length: image.width * image.height * 3 }, () => random.below(256));
  const png = await sharp(noise, { raw: { ...image, channels: 3 } })
    .png()
    .toBuffer();
  return [
    ...PHOTOS.map((name) => ({ type: "image/jpeg", bytes: photo(name) })),
    { type: "image/png", bytes: new Uint8Array(png) },
    { type: "application/octet-stream", bytes: noise },
  ];
}

/**
 * The first frame of a stream, and the same frame again and again. The board may have forgotten a stream in between,
 * and a client that left does not know whether its frame was seen: the answer says which frame it was, and for that one
 * the rest is known.
 */
async function observations(
  latents: readonly string[],
  action: () => number[],
  ask: (request: SoakRequest) => Promise<Record<string, unknown>>,
): Promise<GoodCase[]> {
  const observe = (body: object) => post("/v1/observe?latent=base64", JSON_TYPE, json(body));
  const keys = ["surprise", "z_score", "count", "mean", "deviation", "latent"];
  const repeated = { latent: latents[1], action: action() };
  const known: Record<string, unknown>[] = [];
  while (known.length < FRAMES_KNOWN) known.push(await ask(observe({ stream: "soak", ...repeated })));
  const first = { latent: latents[0], reset: true };
  const expected = await ask(observe({ stream: "soak", ...first }));
  return [
    {
      name: "observe",
      request: (stream) => observe({ stream, ...first }),
      wrong: (answer) => differs(answer, expected, ["frame", ...keys]),
    },
    {
      name: "observe",
      request: (stream) => observe({ stream: `${stream}.again`, ...repeated }),
      wrong: (answer) => {
        const frame = known[Number(answer.frame) - 1];
        return frame === undefined ? differs(answer, repeated, ["latent"]) : differs(answer, frame, keys);
      },
    },
  ];
}

function differs(
  answer: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
  keys: readonly string[],
) {
  const key = keys.find((name) => JSON.stringify(answer[name]) !== JSON.stringify(expected[name]));
  if (key === undefined) return undefined;
  const shown = (value: unknown) => `${JSON.stringify(value)}`.slice(0, 60);
  return `${key} is ${shown(answer[key])} and was ${shown(expected[key])} before`;
}

/** A case each for what docs/http.md names; lengths are right, and what is wrong is what the code says. */
function badCases(picture: Uint8Array): BadCase[] {
  const bad = (name: string, request: SoakRequest, status: number, code: string): BadCase => ({
    name,
    request,
    status,
    code,
  });
  const predict = (body: Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
    post("/v1/predict", JSON_TYPE, body, headers);
  const get = (path: string, headers: Readonly<Record<string, string>> = {}): SoakRequest => ({
    method: "GET",
    path,
    headers,
    body: NOTHING,
  });
  return [
    bad("half a JSON", predict(encoder.encode('{"history":[[')), 400, "BODY_MALFORMED"),
    bad("no JSON", predict(encoder.encode("\0\x01\xff nothing")), 400, "BODY_MALFORMED"),
    bad("deep JSON", predict(encoder.encode("[".repeat(4000))), 422, "BODY_INVALID"),
    bad("half a CBOR", post("/v1/predict", "application/cbor", Uint8Array.of(0xa1, 0x67, 0x68)), 400, "BODY_MALFORMED"),
    bad("text for rows", predict(json({ history: "x", actions: [] })), 422, "BODY_INVALID"),
    bad("short rows", predict(json({ history: [[1]], actions: [[1]] })), 422, "BODY_INVALID"),
    bad("an unknown key", predict(json({ hstory: [] })), 422, "BODY_INVALID"),
    bad("a plan of nothing", post("/v1/plan", JSON_TYPE, json({})), 422, "BODY_INVALID"),
    bad(
      "half a JPEG",
      post("/v1/encode", "image/jpeg", picture.subarray(0, picture.length >> 1)),
      422,
      "IMAGE_UNREADABLE",
    ),
    bad("pixels of another size", post("/v1/encode", "application/octet-stream", new Uint8Array(7)), 422, "IMAGE_SIZE"),
    bad("an unknown type", post("/v1/encode", "text/css", json("")), 415, "CONTENT_TYPE"),
    bad("a compressed body", predict(json({}), { "content-encoding": "gzip" }), 415, "CONTENT_ENCODING"),
    bad("an answer that nobody has", predict(json({}), { accept: "image/png" }), 406, "NOT_ACCEPTABLE"),
    bad("a misspelt query", post("/v1/predict?latent=hex", JSON_TYPE, json({})), 400, "QUERY_INVALID"),
    bad("a body of 99 GB", predict(encoder.encode("{"), { "content-length": "99000000000" }), 413, "BODY_TOO_LARGE"),
    bad("no route", get("/v1/nothing"), 404, "NOT_FOUND"),
    bad("a wrong method", get("/v1/encode"), 405, "METHOD_NOT_ALLOWED"),
    bad("no token", get("/v1/settings"), 401, "TOKEN_MISSING"),
    bad("a wrong token", get("/v1/settings", { authorization: "Bearer guess" }), 401, "TOKEN_WRONG"),
  ];
}
