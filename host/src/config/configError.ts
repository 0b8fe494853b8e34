import { InputError } from "synapse-engine/errors";

/** An InputError about the place `where` of a config, with what would be right when it can be said. */
export function configError(
  { configSource }: { readonly configSource: string },
  code: string,
  where: string,
  message: string,
  expected?: string,
): InputError {
  return new InputError({
    code,
    source: configSource,
    where,
    message,
    ...(expected === undefined ? {} : { expected }),
  });
}
