/** Calls that carry the text itself, and never wait for ever. */

import { type Api, ApiProblem, consoleHeaders } from "../api/client";
import type { ProblemItem } from "../api/schema";
import { type Lines, readLines } from "./document/lines";

const YAML = "application/yaml";
/** A large text takes the server seconds to read; whoever waits longer than this waits for nothing. */
export const ANSWER_MS = 30_000;

interface Sent {
  readonly method?: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Like `Api.call`, with text instead of JSON, and without leaving the page of somebody who is not logged in any more. */
export async function send(address: string, { method = "GET", headers = {}, body, signal }: Sent): Promise<Response> {
  const limit = AbortSignal.timeout(ANSWER_MS);
  return fetch(address, {
    method,
    headers: {
      Accept: "application/json",
      ...consoleHeaders(),
      ...(body !== undefined && { "Content-Type": YAML }),
      ...headers,
    },
    body: body ?? null,
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
}

/** An answer that is no success, with what is wrong with the document, if that is why. */
export class Refusal extends ApiProblem {
  readonly problems: readonly ProblemItem[];

  constructor(
    status: number,
    given: { code?: string; detail?: string; hint?: string; problems?: readonly ProblemItem[] | null },
  ) {
    super(status, given.code ?? "", given.detail ?? `The server answered ${status}`, given.hint ?? "");
    this.problems = given.problems ?? [];
  }
}

export async function refusalOf(response: Response): Promise<Refusal> {
  const given = (await response.json().catch(() => ({}))) as ConstructorParameters<typeof Refusal>[1];
  return new Refusal(response.status, given);
}

/** The text of a pipeline as it is on the server. */
export interface Stored extends Lines {
  readonly etag: string;
}

/** The stored text; null if it still is the one of `etag`. Throws `Refusal`, also where there is no such pipeline. */
export async function readStored(api: Api, name: string, etag?: string): Promise<Stored | null> {
  const headers = { Accept: YAML, ...(etag !== undefined && { "If-None-Match": etag }) };
  const response = await send(pathOf(api, name), { headers });
  if (response.status === 304) return null;
  if (!response.ok) throw await refusalOf(response);
  return { ...readLines(await response.text()), etag: response.headers.get("etag") ?? "" };
}

export function pathOf(api: Api, name: string): string {
  return api.address(`/pipelines/${encodeURIComponent(name)}`);
}
