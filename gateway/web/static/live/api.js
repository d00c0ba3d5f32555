// The gateway's HTTP interface. 64-bit integers are asked for as texts: a number here holds 53 bits.

import { readToken } from "./session.js";

/** An answer that is not a success, in the gateway's own words. `status` is 0 when none came. */
export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function call(path, options = {}) {
  const token = readToken();
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new ApiError(0, "the gateway does not answer");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok)
    throw new ApiError(response.status, body?.error ?? `the gateway answered ${response.status}`);
  return body;
}

/** GET outside of OpenD's protocol: the whole body. */
export const getPlain = (path) => call(path);

/** GET of an endpoint: the answer's s2c. */
export const get = async (name) => (await call(`api/${name}?int64=string`)).s2c ?? {};

/** POST of an endpoint: the answer's s2c. */
export async function post(name, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await call(`api/${name}?int64=string`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return answer.s2c ?? {};
}
