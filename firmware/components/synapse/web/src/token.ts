const KEY = "synapse-token";

/** The owner's token, in this browser. Where storage is refused it lasts as long as the page. */
export interface TokenStore {
  get(): string | undefined;
  set(token: string): void;
  forget(): void;
}

export function createTokenStore(): TokenStore {
  let memory: string | undefined;
  const store: TokenStore = {
    get: () => {
      try {
        return localStorage.getItem(KEY) ?? memory;
      } catch {
        return memory;
      }
    },
    set: (token) => {
      memory = token;
      try {
        localStorage.setItem(KEY, token);
      } catch {
        // It lasts as long as the page.
      }
    },
    forget: () => {
      memory = undefined;
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

/** A link may bring the token in its fragment, which no server sees; it leaves the address bar and the history at once. */
function takeFromAddress(store: TokenStore): void {
  const brought = new URLSearchParams(location.hash.slice(1)).get("token");
  if (brought === null || brought === "") return;
  store.set(brought);
  history.replaceState(null, "", location.pathname + location.search);
}
