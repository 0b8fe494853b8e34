import type { OpenRequest } from "../board/board.js";

/** A request whose body stops for good after so many bytes, as one does whose link stalls. */
export function shortUpload(opened: OpenRequest, bytesMax: number): OpenRequest {
  let room = bytesMax;
  return {
    write: (bytes) => {
      opened.write(bytes.subarray(0, Math.min(room, bytes.length)));
      room = Math.max(0, room - bytes.length);
    },
    end: () => {
      if (room > 0) opened.end();
    },
    close: () => opened.close(),
  };
}
