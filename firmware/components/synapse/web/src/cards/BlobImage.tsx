import { useEffect, useState } from "preact/hooks";

/** A picture that is held in memory. Its address lives as long as it is shown. */
export function BlobImage({
  blob,
  alt,
  class: className,
}: {
  readonly blob: Blob;
  readonly alt: string;
  readonly class?: string;
}) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url === undefined ? null : <img src={url} alt={alt} class={className} />;
}
