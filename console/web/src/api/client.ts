/** Calls of the orchestrator's API, passed on by the console on this very origin: the browser never has a token. */

/** What proves that a call comes from a page of the console: no page of another origin can send this header. */
export function consoleHeaders(): Record<string, string> {
  return { "X-Flume-Console": "1" };
}

/** A problem that the API answered with, in its own words. `hint` says what to do, if the API knows. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;

  constructor(status: number, code: string, detail: string, hint = "") {
    super(detail);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  /** The whole of it for a reader. */
  get text(): string {
    return this.hint ? `${this.message} (${this.hint})` : this.message;
  }
}

/** What to tell a reader of any error of a call. */
export function explain(error: unknown): string {
  if (error instanceof ApiProblem) return error.text;
  return "The console can't be reached; check the connection and try again";
}

export interface Call {
  readonly method?: "GET" | "POST";
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** An `Idempotency-Key`: the server does it once, whatever is sent again. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** The API of one namespace. */
export class Api {
  readonly #base: string;
  readonly #namespace: string;

  constructor(base: string, namespace: string) {
    this.#base = base;
    this.#namespace = namespace;
  }

  /** The address of a route below `/api/v1`, such as `/runs/12ab/events`. */
  address(path: string, query: Call["query"] = {}): string {
    const all = { ...query, namespace: this.#namespace === "default" ? undefined : this.#namespace };
    const given = Object.entries(all).filter(([, value]) => value !== undefined && value !== "");
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return this.#base + path + (text ? `?${text}` : "");
  }

  /** The answer's JSON. Throws `ApiProblem` for an answer that is a problem, and what fetch throws without one. */
  async call<T>(path: string, call: Call = {}): Promise<T> {
    return this.read<T>(this.address(path, call.query), call);
  }

  /** Like `call`, of an address that the API gave. */
  async read<T>(address: string, { method = "GET", body, key, signal }: Call = {}): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json", ...consoleHeaders() };
    if (method === "POST") headers["Content-Type"] = "application/json";
    if (key !== undefined) headers["Idempotency-Key"] = key;
    const content = method === "POST" ? JSON.stringify(body ?? {}) : null;
    const response = await fetch(address, { method, headers, body: content, signal: signal ?? null });
    if (response.status === 401)
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (!response.ok) throw await problemOf(response);
    return (await response.json()) as T;
  }
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const fallback = { code: "", detail: `The server answered ${response.status}`, hint: "" };
  const given = (await response.json().catch(() => ({}))) as Partial<typeof fallback>;
  const { code, detail, hint } = { ...fallback, ...given };
  return new ApiProblem(response.status, code, detail, hint);
}
