// A client's code as its author writes it: it compiles only if the types say what the answers are.
import type { ServersQuery, ServersQueryVariables, UpsertServerMutationVariables } from "./operations";

export const variables: ServersQueryVariables = { name: "typed", cores: [4], limit: 0 };
export const upsert: UpsertServerMutationVariables = { data: { name: { value: "typed" }, cores: { value: 4 } } };

export function names(answer: ServersQuery): string[] {
  const edges = answer.DemoServer?.edges ?? [];
  return edges.map((edge) => edge?.node?.name?.value ?? "");
}
