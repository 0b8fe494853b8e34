/** What the exit code of `synapse-host` says. Documented in docs/cli.md and in `synapse-host --help`. */
export const EXIT = {
  ok: 0,
  /** Something inside failed, a comparison is below its bar, or a board did not do what was asked of it. */
  failure: 1,
  /** The command line or a file that it names is wrong. */
  input: 2,
  /** Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    internal failure, a comparison below its bar, or a board that failed
  2    wrong input: the command line, or a file that it names
  130  interrupted`;
