//! JSON read without copies that nobody wipes: values stay raw text in the reply until they are wanted.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::secret::Secret;

/// A JSON object whose values are still raw text, borrowed from the reply. Of duplicate keys the last one wins.
#[derive(Default)]
pub(crate) struct Object<'a>(Vec<Entry<'a>>);

pub(crate) struct Entry<'a> {
    /// Without its escapes, of which a key hardly ever has any.
    pub key: Secret,
    pub raw_key: &'a str,
    pub raw_value: &'a str,
}

impl<'a> Object<'a> {
    /// `None` for anything but one whole, well-formed object.
    pub fn parse(json: &'a str) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let object = deserializer.deserialize_map(ObjectVisitor).ok()?;
        deserializer.end().ok()?;
        Some(object)
    }

    pub fn entries(&self) -> &[Entry<'a>] {
        &self.0
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|entry| entry.key.as_bytes() == name.as_bytes()).map(|entry| entry.raw_value)
    }

    pub fn string(&self, name: &str) -> Option<Secret> {
        unescape(self.get(name)?)
    }

    pub fn list(&self, name: &str) -> Vec<&'a str> {
        let parsed: Option<Vec<&'a RawValue>> = self.get(name).and_then(|raw| serde_json::from_str(raw).ok());
        parsed.unwrap_or_default().into_iter().map(RawValue::get).collect()
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let (raw_key, raw_value) = (key.get(), value.get());
            entries.push(Entry { key: unescape(raw_key).unwrap_or_default(), raw_key, raw_value });
        }
        Ok(Object(entries))
    }
}

/// The text of a raw JSON string, which `serde_json` has already found well-formed; `None` for any other value.
/// By hand, because `serde_json` would unescape into a buffer that nobody wipes.
pub(crate) fn unescape(raw: &str) -> Option<Secret> {
    let mut rest = raw.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut text = Secret::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        text.push(rest.get(..at)?.as_bytes());
        rest = rest.get(at + 1..)?;
        let kind = *rest.as_bytes().first()?;
        rest = rest.get(1..)?;
        let character = match kind {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut unit = u32::from_str_radix(rest.get(..4)?, 16).ok()?;
                rest = rest.get(4..)?;
                // A surrogate pair is two escapes for one character.
                if let (0xd800..=0xdbff, Some(low)) = (unit, rest.strip_prefix("\\u").and_then(|low| low.get(..4))) {
                    let low = u32::from_str_radix(low, 16).ok()?;
                    if let 0xdc00..=0xdfff = low {
                        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        rest = rest.get(6..)?;
                    }
                }
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        };
        text.push(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text.push(rest.as_bytes());
    Some(text)
}
