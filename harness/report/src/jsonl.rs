//! JSON lines: one event a line, written as it happens and read back after a run was cut short.

use std::io::{BufRead, Write};

use kernrig_events::Event;

/// Why events could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or pipe failed.
    #[error("results cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// A line in the middle is no event: the file was changed, or written by another version.
    #[error("line {line} of the results is no event ({reason}); was it written by another version of kernrig?")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// An event that JSON cannot hold.
    #[error("an event cannot be written as JSON: {0}")]
    Event(serde_json::Error),
}

/// Writes one event as one line, in one call, so that a kill leaves at most a torn last line.
pub fn write(mut to: impl Write, event: &Event) -> Result<(), Error> {
    let mut line = serde_json::to_vec(event).map_err(Error::Event)?;
    line.push(b'\n');
    Ok(to.write_all(&line)?)
}

/// Reads events back. A last line without its newline, or torn, is left out: its writer was killed.
pub fn read(mut from: impl BufRead) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice(text) {
            Ok(event) => events.push(event),
            Err(_) if !whole || from.fill_buf()?.is_empty() => break,
            Err(error) => return Err(Error::Line { line: number, reason: error.to_string() }),
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(text: &str) -> Event {
        Event::Notice { text: text.into() }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let events = [notice("plain"), notice("\u{1b}[2J \"quoted\"\nnew \u{0} \u{fffe} line")];
        let mut file = Vec::new();
        events.iter().for_each(|event| write(&mut file, event).unwrap());
        assert_eq!(file.iter().filter(|&&b| b == b'\n').count(), 2);
        assert_eq!(read(&file[..]).unwrap(), events);
    }

    #[test]
    fn a_torn_last_line_is_left_out_at_every_length() {
        let mut file = Vec::new();
        write(&mut file, &notice("one")).unwrap();
        let whole = file.len();
        write(&mut file, &notice("two")).unwrap();
        for end in whole..file.len() - 1 {
            assert_eq!(read(&file[..end]).unwrap(), [notice("one")], "cut at {end}");
        }
    }

    #[test]
    fn a_bad_line_in_the_middle_is_named() {
        let error =
            read(&b"{\"event\":\"notice\",\"text\":\"a\"}\nrubbish\n{\"event\":\"notice\",\"text\":\"a\"}\n"[..])
                .unwrap_err();
        assert!(error.to_string().starts_with("line 2 "), "{error}");
    }
}
