//! Operations on what an agent has: claims made and given up, volumes created and destroyed.
//!
//! Owned here: what each does to a holding. Agents apply them for good; master and schedulers apply them to what they expect.

use serde::{Deserialize, Serialize};

use crate::{Claim, Holding, LotKey, Owner, Reservation, Resources, Volume};

/// The longest name of a volume, in bytes.
const VOLUME_ID_BYTES_MAX: usize = 128;

/// Something done to resources, rather than with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceOperation {
    /// RESERVE: puts a claim on resources.
    Reserve {
        /// How much.
        resources: Resources,
        /// The reservation that they are under so far; none when they are not reserved.
        from: Option<Reservation>,
        /// The claim.
        claim: Claim,
    },
    /// UNRESERVE: gives up the innermost claim on resources.
    Unreserve {
        /// How much.
        resources: Resources,
        /// The reservation that they are under.
        reservation: Reservation,
    },
    /// CREATE: makes a volume of reserved disk.
    Create {
        /// The volume.
        volume: Volume,
        /// How large it is.
        disk_bytes: u64,
        /// The reservation that the disk is under, and stays.
        reservation: Reservation,
    },
    /// DESTROY: destroys a volume and what is on it; its disk stays reserved.
    Destroy {
        /// The volume's name.
        volume: String,
    },
}

impl ResourceOperation {
    /// Its name, as in the accept that asks for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reserve { .. } => "RESERVE",
            Self::Unreserve { .. } => "UNRESERVE",
            Self::Create { .. } => "CREATE",
            Self::Destroy { .. } => "DESTROY",
        }
    }

    /// What becomes of a holding.
    ///
    /// # Errors
    /// A sentence that says why it can't be done, with the amounts.
    pub fn applied(&self, holding: &Holding) -> Result<Holding, String> {
        match self {
            Self::Reserve { resources, from, claim } => reserve(holding, resources, from.as_ref(), claim),
            Self::Unreserve { resources, reservation } => unreserve(holding, resources, reservation),
            Self::Create { volume, disk_bytes, reservation } => create(holding, volume, *disk_bytes, reservation),
            Self::Destroy { volume } => destroy(holding, volume),
        }
    }
}

fn reserve(holding: &Holding, resources: &Resources, from: Option<&Reservation>, claim: &Claim) -> Result<Holding, String> {
    if resources.is_none() {
        return Err("it names no resources".to_owned());
    }
    let reservation = match from {
        Some(reservation) => reservation.with(claim.clone()),
        None => Reservation::new(vec![claim.clone()]),
    };
    let to = plain_lot(reservation.map_err(|error| error.to_string())?);
    let mut after = holding.clone();
    match from {
        Some(from) => after.reserved.subtract(&plain_lot(from.clone()), resources).map_err(|short| short.to_string())?,
        None => holding.plain().shortfall(resources).map_or(Ok(()), |short| Err(short.to_string()))?,
    }
    after.reserved.add(to, resources).map_err(|error| error.to_string())?;
    Ok(after)
}

fn unreserve(holding: &Holding, resources: &Resources, reservation: &Reservation) -> Result<Holding, String> {
    if resources.is_none() {
        return Err("it names no resources".to_owned());
    }
    if reservation.innermost().owner == Owner::Agent {
        return Err(format!("the claim for {reservation} is in the agent's configuration, and can be given up only there"));
    }
    let mut after = holding.clone();
    after.reserved.subtract(&plain_lot(reservation.clone()), resources).map_err(|short| short.to_string())?;
    if let Some(outer) = reservation.without_innermost() {
        after.reserved.add(plain_lot(outer), resources).map_err(|error| error.to_string())?;
    }
    Ok(after)
}

fn create(holding: &Holding, volume: &Volume, disk_bytes: u64, reservation: &Reservation) -> Result<Holding, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let id = &volume.id;
    if id.is_empty() || id.len() > VOLUME_ID_BYTES_MAX || !id.bytes().all(good) || id.starts_with('.') {
        return Err(format!("{id:?} is no volume's name: 1 to 128 letters, digits, _, . and -, not beginning with ."));
    }
    if disk_bytes == 0 {
        return Err(format!("volume {id} would have no size"));
    }
    if holding.reserved.volume(id).is_some() {
        return Err(format!("there is a volume {id} already"));
    }
    let disk = Resources::none().with_disk_bytes(disk_bytes);
    let mut after = holding.clone();
    after.reserved.subtract(&plain_lot(reservation.clone()), &disk).map_err(|short| short.to_string())?;
    let key = LotKey { reservation: reservation.clone(), volume: Some(volume.clone()) };
    after.reserved.add(key, &disk).map_err(|error| error.to_string())?;
    Ok(after)
}

fn destroy(holding: &Holding, volume: &str) -> Result<Holding, String> {
    let (key, disk) = holding.reserved.volume(volume).ok_or_else(|| format!("there is no volume {volume}"))?;
    let mut after = holding.clone();
    after.reserved.subtract(key, disk).map_err(|short| short.to_string())?;
    after.reserved.add(plain_lot(key.reservation.clone()), disk).map_err(|error| error.to_string())?;
    Ok(after)
}

fn plain_lot(reservation: Reservation) -> LotKey {
    LotKey { reservation, volume: None }
}
