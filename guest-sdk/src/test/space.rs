//! What pools of a test hand out: numbers, addresses and prefixes, the lowest that is free.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::{Code, Error, Given, Request, Result, Want};

/// What a pool of a test has.
#[derive(Debug, Clone)]
pub(super) enum Space {
    /// Numbers, both ends included.
    Numbers { first: i64, last: i64 },
    /// Texts are counted: the form with a running number.
    Texts { form: String },
    /// The addresses of a prefix.
    Addresses(Network),
    /// Prefixes within a prefix.
    Prefixes(Network),
    /// What was given for a prefix is none.
    Bad(String),
}

/// A prefix: its first address as a number, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    is_v6: bool,
    base: u128,
    length: u8,
}

/// What is taken of a pool: first and last places, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(BTreeMap<u128, u128>);

/// A value with the places it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) value: Given,
    pub(super) places: (u128, u128),
}

impl Taken {
    pub(super) fn add(&mut self, (first, last): (u128, u128)) {
        self.0.insert(first, last);
    }

    fn is_free(&self, (first, last): (u128, u128)) -> bool {
        self.0.range(..=last).next_back().is_none_or(|(_, end)| *end < first)
    }

    /// The lowest free run of places within bounds that begins where `align` moves it to.
    fn lowest(
        &self,
        (first, last): (u128, u128),
        count: u128,
        align: impl Fn(u128) -> Option<u128>,
    ) -> Option<u128> {
        let mut at = align(first)?;
        for (start, end) in &self.0 {
            let upto = at.checked_add(count - 1)?;
            if upto < *start {
                break;
            }
            if *end >= at {
                at = align(end.checked_add(1)?)?;
            }
        }
        let upto = at.checked_add(count - 1)?;
        (at >= first && upto <= last).then_some(at)
    }
}

/// Numbers lie in the order of places from the smallest on.
fn place(number: i64) -> u128 {
    (i128::from(number) - i128::from(i64::MIN)).unsigned_abs()
}

fn number(place: u128) -> Option<i64> {
    let number = i128::try_from(place).ok()? + i128::from(i64::MIN);
    i64::try_from(number).ok()
}

/// The next place whose number is a multiple.
fn multiple(at: u128, of: u32) -> Option<u128> {
    let of = i128::from(of.max(1));
    let number = i128::try_from(at).ok()? + i128::from(i64::MIN);
    let up = (of - number.rem_euclid(of)) % of;
    at.checked_add(up.unsigned_abs())
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`; a bare address is a prefix of its own.
    fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (is_v6, base, bits) = match address {
            IpAddr::V4(four) => (false, u128::from(u32::from(four)), 32),
            IpAddr::V6(six) => (true, u128::from(six), 128),
        };
        let length = length.unwrap_or(bits);
        (length <= bits).then_some(Self { is_v6, base, length })
    }

    fn bits(self) -> u8 {
        if self.is_v6 { 128 } else { 32 }
    }

    /// Addresses of a prefix of some length, less one.
    fn span(self, length: u8) -> u128 {
        let host = u32::from(self.bits().saturating_sub(length));
        1u128.checked_shl(host).map_or(u128::MAX, |size| size - 1)
    }

    /// All places of the prefix.
    fn places(self) -> (u128, u128) {
        let base = self.base & !self.span(self.length);
        (base, base | self.span(self.length))
    }

    /// Those that hosts can have: neither the network's own nor, of IPv4, the broadcast address.
    fn hosts(self) -> (u128, u128) {
        let (first, last) = self.places();
        match (self.is_v6, self.bits() - self.length.min(self.bits())) {
            (_, 0 | 1) => (first, last),
            (false, _) => (first + 1, last - 1),
            (true, _) => (first + 1, last),
        }
    }

    fn text(self, at: u128, length: u8) -> Given {
        let address = if self.is_v6 {
            IpAddr::V6(at.into())
        } else {
            IpAddr::V4(u32::try_from(at).unwrap_or(u32::MAX).into())
        };
        Given::Text(format!("{address}/{length}"))
    }
}

impl Space {
    /// A space of addresses or prefixes within a prefix.
    pub(super) fn within(prefix: &str, make: impl Fn(Network) -> Self) -> Self {
        match Network::read(prefix) {
            Some(network) => make(network),
            None => Self::Bad(format!("`{prefix}` is no prefix")),
        }
    }

    /// What a field is drawn as: the host in memory has no schema to ask.
    pub(super) fn want(&self, length: Option<u8>) -> Want {
        match self {
            Self::Addresses(_) | Self::Texts { .. } => Want::Address(length),
            Self::Prefixes(_) => Want::Prefix(length),
            Self::Numbers { .. } | Self::Bad(_) => Want::Number,
        }
    }

    /// What a request would get; nothing is taken.
    pub(super) fn next(&self, request: &Request, taken: &Taken) -> Result<Found> {
        let pool = &request.pool;
        match self {
            Self::Bad(what) => Err(Error::message(format!("pool `{pool}`: {what}"))),
            Self::Texts { form } => {
                let Some(at) = taken.lowest((1, u128::MAX), 1, Some) else {
                    return Err(exhausted(pool));
                };
                let value = Given::Text(form.replace("{}", &at.to_string()));
                let value = request.terms.value.clone().unwrap_or(value);
                Ok(Found { value, places: (at, at) })
            }
            Self::Numbers { first, last } => numbers(request, (*first, *last), taken),
            Self::Addresses(network) => {
                let length = match request.want {
                    Want::Address(Some(length)) => length,
                    _ => network.length,
                };
                if let Some(asked) = asked(request)? {
                    let places = (asked.base, asked.base);
                    return exact(request, places, network.hosts(), taken)
                        .map(|places| Found { value: network.text(asked.base, length), places });
                }
                let at = taken.lowest(network.hosts(), 1, Some).ok_or_else(|| exhausted(pool))?;
                Ok(Found { value: network.text(at, length), places: (at, at) })
            }
            Self::Prefixes(network) => {
                let asked = asked(request)?;
                let length = match (asked, request.want) {
                    (Some(asked), _) => asked.length,
                    (None, Want::Prefix(Some(length))) => length,
                    (None, _) => network.length,
                };
                if length < network.length || length > network.bits() {
                    let message = format!("pool `{pool}` has no prefix of length {length}");
                    return Err(Error::new(Code::InvalidArgument, "bad-length", message));
                }
                let span = network.span(length);
                let found = match asked {
                    Some(asked) => exact(request, asked.places(), network.places(), taken)?.0,
                    None => taken
                        .lowest(network.places(), span.saturating_add(1), |at| {
                            at.checked_add(span).map(|up| up & !span)
                        })
                        .ok_or_else(|| exhausted(pool))?,
                };
                Ok(Found { value: network.text(found, length), places: (found, found | span) })
            }
        }
    }
}

fn numbers(request: &Request, (first, last): (i64, i64), taken: &Taken) -> Result<Found> {
    let (count, align) = request.terms.block.unwrap_or((1, 1));
    let count = u128::from(count.max(1));
    let bounds = (place(first), place(last));
    let at = match request.terms.value.as_ref().and_then(Given::as_integer) {
        Some(asked) => exact(request, (place(asked), place(asked) + (count - 1)), bounds, taken)?.0,
        None => taken
            .lowest(bounds, count, |at| multiple(at, align))
            .ok_or_else(|| exhausted(&request.pool))?,
    };
    let value = number(at).map(Given::Integer).ok_or_else(|| exhausted(&request.pool))?;
    Ok(Found { value, places: (at, at + (count - 1)) })
}

/// The address or prefix that a request names.
fn asked(request: &Request) -> Result<Option<Network>> {
    let Some(value) = &request.terms.value else { return Ok(None) };
    let read = value.as_text().and_then(Network::read);
    read.map(Some).ok_or_else(|| {
        let message = format!("pool `{}`: {value:?} is no address or prefix", request.pool);
        Error::new(Code::InvalidArgument, "bad-value", message)
    })
}

fn exact(
    request: &Request,
    places: (u128, u128),
    within: (u128, u128),
    taken: &Taken,
) -> Result<(u128, u128)> {
    if places.0 >= within.0 && places.1 <= within.1 && taken.is_free(places) {
        return Ok(places);
    }
    let asked = request.terms.value.as_ref().map(Given::to_json).unwrap_or_default();
    let message = format!("pool `{}`: {asked} is taken or outside", request.pool);
    Err(Error::new(Code::Conflict, "value-taken", message))
}

fn exhausted(pool: &str) -> Error {
    Error::new(Code::Exhausted, "pool-exhausted", format!("pool `{pool}` is exhausted"))
}
