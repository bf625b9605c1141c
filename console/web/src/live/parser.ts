/** Server-Sent Events out of pieces of text that may end anywhere, even inside a line. */

export interface ServerEvent {
  /** Where to go on behind this event; null if the event has no place of its own. */
  readonly id: string | null;
  readonly name: string;
  readonly data: string;
}

export class EventParser {
  #rest = "";
  #id: string | null = null;
  #name = "";
  #data: string[] = [];

  /** The events that this piece completes. Comments, such as heartbeats, and unknown fields are none. */
  push(piece: string): ServerEvent[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    const events: ServerEvent[] = [];
    for (const line of lines) {
      const event = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #end(): ServerEvent | null {
    const event = this.#data.length
      ? { id: this.#id, name: this.#name || "message", data: this.#data.join("\n") }
      : null;
    this.#id = null;
    this.#name = "";
    this.#data = [];
    return event;
  }
}
