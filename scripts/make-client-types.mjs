// Writes client/src/types.ts from the schemas of openapi.json. After a change there: node scripts/make-client-types.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BANNER = "/** Made by scripts/make-client-types.mjs from openapi.json; changes belong there. */";

/** The text of the types. */
export async function clientTypes() {
  const { components } = JSON.parse(readFileSync(join(ROOT, "firmware/components/synapse/web/openapi.json"), "utf8"));
  const text = JSON.stringify(components.schemas).replaceAll("#/components/schemas/", "#/definitions/");
  const schema = { title: "Schemas", type: "object", additionalProperties: false, definitions: JSON.parse(text) };
  return compile(schema, "Schemas", {
    unreachableDefinitions: true,
    bannerComment: BANNER,
    additionalProperties: false,
    maxItems: -1,
    style: { printWidth: 120 },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(ROOT, "client/src/types.ts"), await clientTypes());
