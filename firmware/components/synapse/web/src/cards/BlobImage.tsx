import { useEffect, useMemo } from "preact/hooks";

/**
 * A picture that is held in memory. Its address is made while it is drawn, so that it appears in the same instant as
 * what is said about it, and lives as long as it is shown.
 */
export function BlobImage({
  blob,
  alt,
  class: className,
}: {
  readonly blob: Blob;
  readonly alt: string;
  readonly class?: string;
}) {
  const url = useMemo(() => URL.createObjectURL(blob), [blob]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return <img src={url} alt={alt} class={className} />;
}
