//! The guest of the benchmarks: it makes as many items as its target asks for, and sets a value of
//! the objects its target lists.

use kiln::prelude::*;

/// The answer of the bench's query.
#[derive(Deserialize)]
pub struct Input {
    #[serde(rename = "BenchService")]
    services: Edges<Service>,
}

#[derive(Deserialize)]
struct Service {
    id: String,
    name: Value<String>,
    count: Value<u32>,
    round: Value<u32>,
    touched: Value<Option<Vec<String>>>,
}

/// Makes the items, touches the others.
pub fn generate(ctx: &Ctx, input: Input) -> Result<()> {
    let service = input.services.only()?;
    for number in 0..*service.count {
        ctx.create("BenchItem")
            .set("name", format!("{}-{number}", service.name))
            .set("position", number)
            .set("status", "active")
            .set("round", *service.round)
            .link("service", &service.id)
            .save()?;
    }
    for id in service.touched.iter().flatten() {
        ctx.object(id).set("round", *service.round).save()?;
    }
    Ok(())
}

kiln::generator!(generate);
