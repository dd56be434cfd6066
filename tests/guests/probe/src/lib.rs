//! A guest that does what its input says: the steps come from the JSON attribute `steps` of its
//! target.

use kiln::prelude::*;
use serde_json::Value as Json;

/// The answer of the probe's query.
#[derive(Deserialize)]
pub struct Input {
    #[serde(rename = "TestTarget")]
    targets: Edges<Probe>,
}

#[derive(Deserialize)]
struct Probe {
    id: String,
    steps: Value<Option<Vec<Step>>>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Step {
    Create {
        kind: String,
        #[serde(default)]
        key: String,
        set: std::collections::BTreeMap<String, Json>,
    },
    Draw {
        kind: String,
        name: String,
        field: String,
        pool: String,
    },
    Set {
        kind: String,
        name: String,
        set: std::collections::BTreeMap<String, Json>,
    },
    SetTarget {
        set: std::collections::BTreeMap<String, Json>,
    },
    Link {
        kind: String,
        name: String,
        relationship: String,
        to_kind: String,
        to: String,
    },
    Keep {
        key: String,
    },
    Number {
        pool: String,
        identifier: String,
    },
    Address {
        pool: String,
        identifier: String,
    },
    Prefix {
        pool: String,
        identifier: String,
        length: u8,
    },
    /// Numbers in a row.
    Row {
        pool: String,
        identifier: String,
        count: u32,
        align: u32,
    },
    /// This number and no other.
    Exactly {
        pool: String,
        identifier: String,
        value: i64,
    },
    /// A number of a division.
    Within {
        pool: String,
        identifier: String,
        element: String,
        value: String,
    },
    /// What would come next.
    Peek {
        pool: String,
    },
    Ask {
        document: String,
    },
    Log {
        text: String,
    },
    Try {
        steps: Vec<Step>,
    },
    Fail {
        message: String,
    },
    Panic {
        message: String,
    },
    Spin,
    Many {
        kind: String,
        count: u32,
    },
}

/// Does the steps.
pub fn generate(ctx: &Ctx, input: Input) -> Result<()> {
    let probe = input.targets.only()?;
    for step in probe.steps.iter().flatten() {
        perform(ctx, probe, step)?;
    }
    Ok(())
}

fn perform(ctx: &Ctx, probe: &Probe, step: &Step) -> Result<()> {
    match step {
        Step::Create { kind, key, set } => {
            let mut builder = ctx.create(kind).key(key);
            for (name, value) in set {
                builder = builder.set(name, value.clone());
            }
            builder.save()?;
        }
        Step::Draw { kind, name, field, pool } => {
            ctx.create(kind).set("name", name).draw(field, kiln::Draw::from(pool)).save()?;
        }
        Step::Set { kind, name, set } => {
            let mut setter = ctx.object(Target::named(kind, name));
            for (name, value) in set {
                setter = setter.set(name, value.clone());
            }
            setter.save()?;
        }
        Step::SetTarget { set } => {
            let mut setter = ctx.object(&probe.id);
            for (name, value) in set {
                setter = setter.set(name, value.clone());
            }
            setter.save()?;
        }
        Step::Link { kind, name, relationship, to_kind, to } => {
            ctx.object(Target::named(kind, name))
                .link(relationship, Target::named(to_kind, to))
                .save()?;
        }
        Step::Keep { key } => {
            ctx.keep(key)?;
        }
        Step::Number { pool, identifier } => {
            let number = ctx.pool(pool).number(identifier)?;
            ctx.log(format!("number {number}"));
        }
        Step::Address { pool, identifier } => {
            let address = ctx.pool(pool).address(identifier)?;
            ctx.log(format!("address {}", address.value.as_text().unwrap_or_default()));
        }
        Step::Prefix { pool, identifier, length } => {
            let prefix = ctx.pool(pool).prefix(identifier, *length)?;
            ctx.log(format!("prefix {}", prefix.value.as_text().unwrap_or_default()));
        }
        Step::Row { .. } | Step::Exactly { .. } | Step::Within { .. } | Step::Peek { .. } => {
            on_terms(ctx, step)?;
        }
        Step::Ask { document } => {
            let answer: Json = ctx.query(document, &serde_json::json!({}))?;
            ctx.log(answer.to_string());
        }
        Step::Log { text } => ctx.log(text),
        Step::Try { steps } => {
            for step in steps {
                if let Err(error) = perform(ctx, probe, step) {
                    ctx.log(error.to_string());
                }
            }
        }
        Step::Fail { message } => bail!("{message}"),
        Step::Panic { message } => panic!("{message}"),
        Step::Spin => {
            let mut number = 0u64;
            loop {
                number = std::hint::black_box(number.wrapping_add(1));
            }
        }
        Step::Many { kind, count } => {
            for number in 0..*count {
                ctx.create(kind).set("name", format!("many-{number}")).save()?;
            }
        }
    }
    Ok(())
}

fn on_terms(ctx: &Ctx, step: &Step) -> Result<()> {
    let number = match step {
        Step::Row { pool, identifier, count, align } => {
            ctx.pool(pool).block_at(identifier, *count, *align)?
        }
        Step::Exactly { pool, identifier, value } => {
            ctx.pool(pool).exactly(*value).number(identifier)?
        }
        Step::Within { pool, identifier, element, value } => {
            ctx.pool(pool).within(element, value).number(identifier)?
        }
        Step::Peek { pool } => ctx.pool(pool).next_number()?,
        _ => return Ok(()),
    };
    ctx.log(format!("number {number}"));
    Ok(())
}

kiln::generator!(generate);
