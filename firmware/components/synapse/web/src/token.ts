const KEY = "synapse-token";

/** The owner's token, in this browser. Where storage is refused it lasts as long as the page. */
export interface TokenStore {
  get(): string | undefined;
  set(token: string): void;
  /**
   * Sends it no more: it is not this board's. What the browser stored stays, for the board that had this address
   * before.
   */
  ignore(): void;
  forget(): void;
}

export function createTokenStore(): TokenStore {
  let memory: string | undefined;
  let ignored = false;
  const store: TokenStore = {
    get: () => {
      if (ignored) return undefined;
      try {
        return localStorage.getItem(KEY) ?? memory;
      } catch {
        return memory;
      }
    },
    set: (token) => {
      memory = token;
      ignored = false;
      try {
        localStorage.setItem(KEY, token);
      } catch {
        // It lasts as long as the page.
      }
    },
    ignore: () => {
      ignored = true;
    },
    forget: () => {
      memory = undefined;
      ignored = false;
      try {
        localStorage.removeItem(KEY);
      } catch {
        // There was nothing to remove.
      }
    },
  };
  takeFromAddress(store);
  return store;
}

/**
 * A link may bring the token in its fragment, which no server sees; it leaves the address bar and the history at once.
 */
function takeFromAddress(store: TokenStore): void {
  const brought = new URLSearchParams(location.hash.slice(1)).get("token");
  if (brought === null || brought === "") return;
  store.set(brought);
  history.replaceState(null, "", location.pathname + location.search);
}
