// What the page knows: who acts, what they see, and how to tell the server.

/** `self`: the acting member's id. `state`: the last view. `names`: {users, roles, channel} for markup. */
export const view = { self: new URLSearchParams(location.search).get("as") ?? "", state: null, names: null };

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Post as the acting member; the answer, or an error with the server's words. */
export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ member: view.self, ...body }),
  });
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok || answer.error) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}
