//! IP arithmetic over one number space: addresses and prefixes of both families as `u128`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4, 32 bits.
    V4,
    /// IPv6, 128 bits.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The number of bits of an address.
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The address with this number; `None` beyond the family's space.
    pub fn address(self, number: u128) -> Option<IpAddr> {
        match self {
            Self::V4 => u32::try_from(number).ok().map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
            Self::V6 => Some(IpAddr::V6(Ipv6Addr::from(number))),
        }
    }
}

/// The number of an address within its family.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// An address with the length of the network it is on, host bits kept: `10.0.0.1/24`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    /// The address itself.
    pub address: IpAddr,
    /// Length of the network part, at most the family's bits.
    pub length: u8,
}

impl Interface {
    /// Checks the length against the family.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        (length <= Family::of(address).bits()).then_some(Self { address, length })
    }

    /// The network this address is on, host bits cleared.
    pub fn network(self) -> IpNet {
        IpNet::new(self.address, self.length)
            .map(|net| net.trunc())
            .expect("the length was checked when this was made")
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Interface {
    type Err = NotAnAddress;

    /// `address/length`, or an address alone, which stands for its full length.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_bad| NotAnAddress)?;
        let length = match length {
            Some(length) => length.parse().map_err(|_bad| NotAnAddress)?,
            None => Family::of(address).bits(),
        };
        Self::new(address, length).ok_or(NotAnAddress)
    }
}

/// The text is not an address with an optional length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address: write it as `10.0.0.1/24` or `2001:db8::1/64`")]
pub struct NotAnAddress;
