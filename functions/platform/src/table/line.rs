//! The line in front of the table's reads: one request at a time, and what is wanted meanwhile is asked for together in the next.
//! What several want, the profile of a batch's tenant for example, is read once.

use super::{Item, SortKey, Table, TableError, key_of, text};
use crate::batch::chain;
use crate::line::{self, GivenUp};
use crate::random;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use vyrox_contract::TenantId;

/// The most items of one request.
const MOST_TOGETHER: usize = 100;
/// How often what was left over is asked for again. DynamoDB leaves items over where it is busy.
const TRIES: u32 = 4;
/// How long the first of those times is waited for, twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// Whose item, and its sort key.
type Place = (TenantId, String);
/// What there is of what was asked for, by sort key. Why there is nothing is told as a text, since several hear it.
type Found = Result<HashMap<String, Item>, String>;

/// One tenant's items.
#[derive(Debug)]
struct Wanted {
    tenant: TenantId,
    keys: Vec<String>,
}

impl Wanted {
    fn places(&self) -> impl Iterator<Item = Place> {
        self.keys.iter().map(|key| (self.tenant.clone(), key.clone()))
    }
}

/// Who waits to read, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Line(line::Line<(), Wanted, Found>);

impl Line {
    /// Those of a tenant's items that there are, expired or not, read consistently after this was called.
    pub(super) async fn read(
        &self,
        table: &Table,
        tenant: &TenantId,
        keys: &[&SortKey],
    ) -> Result<HashMap<String, Item>, TableError> {
        let keys: Vec<String> = keys.iter().map(|key| key.as_str().to_owned()).collect();
        // Whoever is not told what was found asks again: nothing has come of it.
        loop {
            let found = self.ask(table, Wanted { tenant: tenant.clone(), keys: keys.clone() }).await;
            if let Ok(found) = found {
                return found.map_err(|why| TableError::Unavailable(why.into()));
            }
        }
    }

    async fn ask(&self, table: &Table, wanted: Wanted) -> Result<Found, GivenUp> {
        let ask_for_those_whose_turn_it_is = async |turn| {
            let together = self.next();
            let places: HashSet<Place> = together.iter().flat_map(|one| one.want.places()).collect();
            // In a box: a request of the SDK's takes much of the stack of whoever waits for it.
            let items = Box::pin(fetch(table, places)).await;
            for one in together {
                let own = items.as_ref().map_err(Clone::clone).map(|items| {
                    one.want.places().filter_map(|place| Some((place.1.clone(), items.get(&place)?.clone()))).collect()
                });
                one.tell(own);
            }
            turn
        };
        self.0.wait(wanted, ask_for_those_whose_turn_it_is).await
    }

    /// Those whose turn it is: as many as one request takes.
    fn next(&self) -> Vec<line::Waiting<Wanted, Found>> {
        let mut all: HashSet<Place> = HashSet::new();
        self.0.next(|wanted| {
            all.extend(wanted.places());
            all.len() <= MOST_TOGETHER
        })
    }
}

/// The items at these places, in as many requests as DynamoDB wants; or why not.
async fn fetch(table: &Table, places: HashSet<Place>) -> Result<HashMap<Place, Item>, String> {
    let mut wanted: Vec<Item> = places.iter().map(|(tenant, key)| key_of(tenant, key)).collect();
    // Tenants as their items name them.
    let tenants: HashMap<&str, &TenantId> = places.iter().map(|(tenant, _)| (tenant.as_str(), tenant)).collect();
    let mut all = HashMap::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            let jitter = Duration::from_millis(u64::from(random::bytes::<1>()[0]) / 16);
            tokio::time::sleep(FIRST_WAIT * (1 << (attempt - 1)) + jitter).await;
        }
        let asked = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(wanted)).build();
        let asked = asked.map_err(|error| chain(&error))?;
        let request = table.client.batch_get_item().request_items(&table.name, asked);
        let output = request.send().await.map_err(|error| chain(&error))?;
        for item in output.responses.unwrap_or_default().into_values().flatten() {
            let place = text(&item, "tenant_id").and_then(|tenant| Ok((tenant, text(&item, "sk")?.to_owned())));
            let (tenant, key) = place.map_err(|error| chain(&error))?;
            if let Some(tenant) = tenants.get(tenant) {
                all.insert(((*tenant).clone(), key), item);
            }
        }
        wanted =
            output.unprocessed_keys.unwrap_or_default().remove(&table.name).map_or_else(Vec::new, |rest| rest.keys);
        if wanted.is_empty() {
            return Ok(all);
        }
    }
    Err("DynamoDB left items unread again and again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Line, Wanted};

    fn sizes(line: &Line) -> Vec<usize> {
        std::iter::repeat_with(|| line.next().len()).take_while(|size| *size > 0).collect()
    }

    #[test]
    fn as_many_go_together_as_one_request_takes_and_what_two_want_counts_once() {
        let line = Line::default();
        let want = |tenant: &str, keys: std::ops::Range<u32>| {
            let keys = keys.map(|key| key.to_string()).collect();
            line.0.join(Wanted { tenant: tenant.parse().expect("a tenant id"), keys })
        };
        let same = [want("acme", 0..60), want("acme", 0..60), want("acme", 30..100)];
        let other = [want("other", 0..1), want("other", 0..99)];
        assert_eq!(sizes(&line), [3, 2]);
        drop((same, other));
    }
}
