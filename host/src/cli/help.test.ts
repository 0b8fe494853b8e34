import { expect, test } from "vitest";
import { COMMANDS, runInside } from "./testing/cliHarness.js";

test("help of the program and of every command reads as it did", async () => {
  const pages = [];
  for (const args of [["--help"], ...COMMANDS.map((command) => [command, "--help"])]) {
    const { code, stdout, stderr } = await runInside(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    pages.push(`$ synapse-host ${args.join(" ")}\n${stdout.replaceAll(/ +$/gm, "")}`);
  }
  await expect(pages.join("\n")).toMatchFileSnapshot("fixtures/help.txt");
});

test("every exit code is in the help", async () => {
  const { stdout } = await runInside(["--help"]);
  for (const code of ["0", "1", "2", "130"]) expect(stdout).toMatch(new RegExp(`^ {2}${code} +\\S`, "m"));
});
