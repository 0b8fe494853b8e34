// Programs that check format and lint of a language: each must find nothing.
import { spawnSync } from "node:child_process";
import { relative } from "node:path";

/** Checks that failed: `{ name, output, fix }`. */
export function runFormatters(root, sources, { zig, ruff }) {
  const shown = relative(root, ruff);
  const zigFiles = sources.filter(({ language, made }) => language === "zig" && !made).map(({ path }) => path);
  const checks = [
    { name: "zig fmt", command: [...zig, "fmt", "--check", ...zigFiles], fix: "`zig fmt` on the files named" },
    { name: "ruff format", command: [ruff, "format", "--check", "--quiet", "."], fix: `\`${shown} format .\`` },
    {
      name: "ruff check",
      command: [ruff, "check", "--quiet", "."],
      fix: `\`${shown} check --fix .\`, and by hand what that leaves`,
    },
  ];
  return checks.flatMap(({ name, command: [program, ...args], fix }) => {
    const done = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
    if (done.error)
      return [{ name, output: `${program} cannot be run: ${done.error.message}`, fix: "`npm run setup`" }];
    return done.status === 0 ? [] : [{ name, output: `${done.stdout}${done.stderr}`.trim(), fix }];
  });
}
