/** Values of a run as the API writes them: large ones are references. */

export interface Payload {
  readonly id: string;
  readonly size: number;
  readonly url: string;
}

/**
 * The reference that stands for a value kept apart, `{"$payload": {id, size, url}}`; null for any other value. What a node
 * gave may look like one: it becomes a link only where that leads into the API.
 */
export function payloadOf(value: unknown): Payload | null {
  const found = onlyKey(value, "$payload");
  return isPayload(found) ? found : null;
}

/** Bytes of a value that the API does not show, `{"$tooLarge": {size}}`; null for any other value. */
export function tooLargeOf(value: unknown): number | null {
  const found = onlyKey(value, "$tooLarge");
  if (typeof found !== "object" || found === null || !("size" in found)) return null;
  return typeof found.size === "number" ? found.size : null;
}

function isPayload(value: unknown): value is Payload {
  if (typeof value !== "object" || value === null) return false;
  const { id, size, url } = value as Record<string, unknown>;
  return typeof id === "string" && typeof size === "number" && typeof url === "string" && isOfApi(url);
}

const API = "/api/v1/";

/** Whether an address still lies in the API once `..` and its disguises are resolved. */
function isOfApi(address: string): boolean {
  return address.startsWith(API) && new URL(address, "http://console").pathname.startsWith(API);
}

function onlyKey(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return undefined;
  return (value as Record<string, unknown>)[key];
}

const PREVIEW = 72;

/** The beginning of a value's JSON, on one line. Only as much of the value is read as is shown. */
export function preview(value: unknown): string {
  const text = briefly(value, PREVIEW);
  return text.length > PREVIEW ? `${text.slice(0, PREVIEW - 1)}…` : text;
}

function briefly(value: unknown, room: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, room));
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const isList = Array.isArray(value);
  let text = isList ? "[" : "{";
  for (const [key, each] of Object.entries(value)) {
    if (text.length > room) break;
    text += `${text.length > 1 ? ", " : ""}${isList ? "" : `${key}: `}${briefly(each, room - text.length)}`;
  }
  return text + (isList ? "]" : "}");
}
