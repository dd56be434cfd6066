// A code generator for TypeScript over the types of a server, and a compiler over what it makes: what a
// client's author writes with them compiles, and what is wrong does not.
//
// KILN_ADDRESS has the server with the schema of the tests, KILN_OPERATIONS the documents, KILN_SCRATCH a
// folder; `usage.ts` is beside this file.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { codegen } from "@graphql-codegen/core";
import * as operations from "@graphql-codegen/typescript-operations";
import * as types from "@graphql-codegen/typescript";
import { parse } from "graphql";

const { KILN_ADDRESS, KILN_OPERATIONS, KILN_SCRATCH } = process.env;
const here = dirname(fileURLToPath(import.meta.url));
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");

const answered = await fetch(`${KILN_ADDRESS}/schema.graphql?branch=main`);
assert.equal(answered.status, 200);
const schema = parse(await answered.text());
const documents = [{ location: "operations.graphql", document: parse(readFileSync(KILN_OPERATIONS, "utf8")) }];
const scalars = { BigInt: "number | bigint", DateTime: "string", GenericScalar: "unknown", FixedGenericScalar: "unknown", Upload: "Blob" };
for (const [name, plugin] of Object.entries({ types, operations })) {
  const config = { scalars, strictScalars: true };
  const made = await codegen({ filename: `${name}.ts`, schema, documents, config, plugins: [{ [name]: {} }], pluginMap: { [name]: plugin } });
  assert.ok(made.length > 5000, name);
  writeFileSync(join(KILN_SCRATCH, `${name}.ts`), made);
  console.log(`ok      ${name}: ${made.length} letters`);
}
copyFileSync(join(here, "usage.ts"), join(KILN_SCRATCH, "usage.ts"));
const wrong = readFileSync(join(here, "usage.ts"), "utf8").replace("cores: [4]", "corse: [4]");
writeFileSync(join(KILN_SCRATCH, "wrong.ts"), wrong);

const compile = (...files) => execFileSync(compiler, ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext",
  "--moduleResolution", "bundler", ...files], { cwd: KILN_SCRATCH, encoding: "utf8" });
compile("types.ts", "operations.ts", "usage.ts");
console.log("ok      it compiles, strictly");
assert.throws(() => compile("wrong.ts"), (failed) => failed.stdout.includes("'corse' does not exist"));
console.log("ok      a name that is wrong does not");
