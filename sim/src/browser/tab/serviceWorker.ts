// Keeps the page's files for when its server is not there. The server is asked first, so a page is never older than
// what it serves.

/**
 * The server puts this line before the script: it changes with every file, and a changed script is what makes a browser
 * fetch all anew.
 */
declare const TAB: { readonly version: string; readonly files: readonly string[] };

/** The part of a service worker's global scope that is used. */
interface ServiceWorkerScope {
  readonly caches: CacheStorage;
  readonly clients: { claim(): Promise<void> };
  readonly registration: ServiceWorkerRegistration;
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate" | "fetch", listener: (event: ServiceEvent) => void): void;
}
interface ServiceEvent {
  readonly request: Request;
  waitUntil(promise: Promise<unknown>): void;
  respondWith(response: Promise<Response>): void;
}
const scope = globalThis as unknown as ServiceWorkerScope;

const PREFIX = "synapse-tab-";
const NAME = PREFIX + TAB.version;

async function forget(keep?: string): Promise<void> {
  const names = await scope.caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== keep).map((name) => scope.caches.delete(name)),
  );
}

async function install(): Promise<void> {
  const cache = await scope.caches.open(NAME);
  await cache.addAll(TAB.files.map((file) => new Request(file, { cache: "reload" })));
  await scope.skipWaiting();
}

async function activate(): Promise<void> {
  await forget(NAME);
  await scope.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    const cached = await scope.caches.match(request, { cacheName: NAME, ignoreSearch: true });
    if (cached === undefined) throw error;
    return cached;
  }
  // Something else is served at this address now, and must not disappear behind this page when it stops.
  if (request.mode === "navigate" && !response.headers.has("synapse-tab")) {
    await scope.registration.unregister();
    await forget();
  }
  return response;
}

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(activate()));
scope.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method === "GET" && origin === location.origin && TAB.files.includes(pathname))
    event.respondWith(answer(event.request));
});
