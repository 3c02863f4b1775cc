// The native API, with the types of /openapi.json. A line after @ts-expect-error must not compile.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
const [, , baseUrl = "", key = ""] = process.argv;
const cabinet = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

type Document = components["schemas"]["Document"];

function checked<T>(answer: { data?: T; error?: { detail: string; status: number } }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail);
  return answer.data;
}

const uploaded: Document = checked(
  await cabinet.POST("/documents", {
    body: { filename: "moon.txt", content: "The Moon is 384,400 km away.", metadata: { topic: "sky" } },
  }),
);
const params = { path: { document_id: uploaded.id } };
let document = uploaded;
while (document.status === "processing") {
  await new Promise((resume) => setTimeout(resume, 100));
  document = checked(await cabinet.GET("/documents/{document_id}", { params }));
}
console.log(document.filename);

const found = checked(
  await cabinet.POST("/search", {
    body: { query: "How far away is the Moon?", limit: 1, filter: { type: "eq", key: "topic", value: "sky" } },
  }),
);
const best = found.results[0];
console.log(best?.content);

const talk = checked(await cabinet.POST("/conversations", { body: { title: "The Moon" } }));
const appended = checked(
  await cabinet.POST("/conversations/{conversation_id}/messages", {
    params: { path: { conversation_id: talk.id } },
    body: [
      { role: "user", content: "How far?" },
      { role: "assistant", content: "384,400 km.", sources: best ? [best.chunk_id] : [] },
    ],
  }),
);
const source: string | undefined = appended.data[1]?.sources[0]?.filename;
const page = checked(await cabinet.GET("/documents", { params: { query: { limit: 10, status: "ready" } } }));
const names: string[] = page.data.map((each) => each.filename);
if (source !== names[0]) throw new Error("the message cites another document");

const missing = await cabinet.GET("/documents/{document_id}", {
  params: { path: { document_id: "00000000-0000-0000-0000-000000000000" } },
});
// An error has the fields of a problem document.
console.log(missing.error?.status, missing.error?.detail);

// Never called: only compiled.
export async function wrong(): Promise<void> {
  // openapi-fetch takes further fields beside known ones, unless the body is said to satisfy the type.
  // @ts-expect-error a field that does not exist
  await cabinet.POST("/search", { body: { query: "Moon", limitt: 1 } satisfies components["schemas"]["SearchRequest"] });
  // @ts-expect-error a value of another type
  await cabinet.POST("/search", { body: { query: "Moon", limit: "1" } });
  // @ts-expect-error a value that is not one of the choices
  await cabinet.POST("/search", { body: { query: "Moon", mode: "fuzzy" } });
  // @ts-expect-error a required field is missing
  await cabinet.POST("/users", { body: { name: "Ada" } });
  // @ts-expect-error a parameter of the path is missing
  await cabinet.GET("/documents/{document_id}");
  // @ts-expect-error a parameter of the query that does not exist
  await cabinet.GET("/documents", { params: { query: { offset: 1 } } });
  // @ts-expect-error a route that does not exist
  await cabinet.GET("/nowhere");
  // @ts-expect-error a field of an answer that does not exist
  console.log(best?.text);
  // @ts-expect-error the similarity can be null
  console.log(best && best.similarity + 1);
}
