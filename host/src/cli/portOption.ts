import { inputError } from "../files/inputError.js";

/** The port that `--port` or `--sim` names. Throws an InputError `PORT_NEEDED`. */
export function portOf({ port, sim }: { readonly port?: string; readonly sim?: string }): string {
  const named = port ?? sim;
  if (named !== undefined) return named;
  throw inputError("options", "PORT_NEEDED", "no board is named", {
    expected: "--port or --sim; `synapse-host ports` lists what is plugged in",
  });
}
