import type { ByteBuilder, ByteReader } from '../bytes.ts';

/** Where a record lies, and where the next row image does: offsets of frames in their segments, and in the payloads. */
export interface Place {
  readonly segment: number;
  readonly frame: number;
  readonly at: number;
  readonly rowSegment: number;
  /** 0: before the first frame of images of the segment. */
  readonly rowFrame: number;
  readonly rowAt: number;
}

export const PLACE_BYTES = 24;

export const BEGINNING: Place = { segment: 0, frame: 0, at: 0, rowSegment: 0, rowFrame: 0, rowAt: 0 };

export function writePlace(builder: ByteBuilder, place: Place): void {
  for (const number of [place.segment, place.frame, place.at, place.rowSegment, place.rowFrame, place.rowAt])
    builder.u32(number);
}

/** @throws MalformedBytes */
export function readPlace(reader: ByteReader): Place {
  return {
    segment: reader.u32(),
    frame: reader.u32(),
    at: reader.u32(),
    rowSegment: reader.u32(),
    rowFrame: reader.u32(),
    rowAt: reader.u32(),
  };
}
