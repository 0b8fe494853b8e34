/** How a page asks its board; the form of `fetch`. */
export type BoardRequestInit = RequestInit & { readonly onUploadProgress?: (sentBytes: number) => void };
export type Transport = (path: string, init?: BoardRequestInit) => Promise<Response>;
