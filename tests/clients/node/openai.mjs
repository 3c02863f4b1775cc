// The package `openai` of npm in front of /v1: files, vector stores, search, conversations, embeddings.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: process.argv[3], maxRetries: 0 });

const file = await client.files.create({
  file: await toFile(Buffer.from("The Moon is 384,400 km away."), "Mönd.txt"),
  purpose: "assistants",
  expires_after: { anchor: "created_at", seconds: 3600 },
});
assert.equal(file.filename, "Mönd.txt");
assert.equal(file.expires_at, file.created_at + 3600);
assert.equal(await (await client.files.content(file.id)).text(), "The Moon is 384,400 km away.");

const store = await client.vectorStores.create({ name: "Astronomy", metadata: { topic: "sky" } });
const entry = await client.vectorStores.files.createAndPoll(store.id, { file_id: file.id, attributes: { year: 2026 } });
assert.equal(entry.status, "completed");
const names = ["Sun", "Mars", "Venus"];
const parts = names.map((name) => toFile(Buffer.from(`${name} is a star or a planet.`), `${name}.txt`));
const batch = await client.vectorStores.fileBatches.uploadAndPoll(store.id, { files: await Promise.all(parts) });
assert.equal(batch.file_counts.completed, 3);
const listed = [];
for await (const each of client.vectorStores.files.list(store.id, { limit: 1, order: "asc" })) listed.push(each.id);
assert.equal(new Set(listed).size, 4);
assert.equal(listed[0], file.id);

const found = await client.vectorStores.search(store.id, {
  query: "How far away is the Moon?",
  filters: { type: "gte", key: "year", value: 2020 },
  ranking_options: { score_threshold: 0 },
});
assert.deepEqual(found.data.map((each) => each.file_id), [file.id]);
assert.equal(found.data[0].content[0].text, "The Moon is 384,400 km away.");
const content = [];
for await (const each of client.vectorStores.files.content(file.id, { vector_store_id: store.id })) content.push(each.text);
assert.deepEqual(content, ["The Moon is 384,400 km away."]);

const talk = await client.conversations.create({ items: [{ role: "user", content: "How far is the Moon?" }] });
await client.conversations.items.create(talk.id, {
  items: [
    { type: "function_call", call_id: "c1", name: "measure", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: "384400" },
  ],
});
const kinds = [];
for await (const item of client.conversations.items.list(talk.id, { order: "asc", limit: 1 })) kinds.push(item.type);
assert.deepEqual(kinds, ["message", "function_call", "function_call_output"]);

const model = (await client.models.list()).data[0].id;
const asked = { model, input: ["The Moon", "Bread"] };
const [short, plain] = [await client.embeddings.create(asked), await client.embeddings.create({ ...asked, encoding_format: "float" })];
assert.deepEqual(short.data[1].embedding, plain.data[1].embedding.map(Math.fround));

await client.files.delete(file.id);
await assert.rejects(client.files.retrieve(file.id), (error) => error instanceof OpenAI.NotFoundError);
await assert.rejects(client.vectorStores.create({ name: 1 }), (error) => error.status === 400 && error.param === "name");
const stranger = new OpenAI({ baseURL: process.argv[2], apiKey: "wrong", maxRetries: 0 });
await assert.rejects(stranger.models.list(), (error) => error.code === "invalid_api_key");
console.log("done");
