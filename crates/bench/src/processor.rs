//! The processor time that programs have taken, user's and system's, on Linux; elsewhere nothing is known of it.
//!
//! <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>

use std::time::Duration;

/// Of all programs that this one has run and waited for: a difference is that of those that ran meanwhile.
#[cfg(target_os = "linux")]
pub(crate) fn of_ended_children() -> Option<Duration> {
    Some(time_of(Stat::read("self")?.ended_children))
}

/// Of a process and of all that it ever started, their own children left out. It takes a look at every process of the
/// machine.
#[cfg(target_os = "linux")]
pub(crate) fn of_family(process: u32) -> Option<Duration> {
    /// Looks at most, while children go on ending.
    const LOOKS_MAX: usize = 20;
    let mut looks = LOOKS_MAX;
    loop {
        let parent = Stat::read(&process.to_string())?;
        let mut ticks = parent.own + parent.ended_children;
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let stat =
                entry.file_name().to_str().filter(|name| name.parse::<u32>().is_ok()).and_then(Stat::read);
            ticks += stat.filter(|stat| stat.parent == u64::from(process)).map_or(0, |stat| stat.own);
        }
        looks -= 1;
        // One that ended meanwhile became a part of its parent's after that was read, and was not there to be added.
        let ended_meanwhile = Stat::read(&process.to_string())?.ended_children != parent.ended_children;
        if !ended_meanwhile || looks == 0 {
            return Some(time_of(ticks));
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn of_ended_children() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn of_family(_process: u32) -> Option<Duration> {
    None
}

/// What the kernel tells of a process; times in ticks of its clock.
#[cfg(target_os = "linux")]
struct Stat {
    parent: u64,
    own: u64,
    /// Of children that ended and were waited for.
    ended_children: u64,
}

#[cfg(target_os = "linux")]
impl Stat {
    fn read(process: &str) -> Option<Self> {
        /// The first field that is read, and its place in the manual's list.
        const PPID: usize = 4;
        const UTIME: usize = 14;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The second field is the program's name in brackets and may hold blanks; the third follows the last bracket.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(PPID - 3);
        let parent = fields.next()?.parse().ok()?;
        let mut times = fields.skip(UTIME - PPID - 1).map(|ticks| ticks.parse::<u64>().ok());
        let mut next = || times.next().flatten();
        Some(Self { parent, own: next()? + next()?, ended_children: next()? + next()? })
    }
}

#[cfg(target_os = "linux")]
fn time_of(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Tenths of a second of a shell's work, where a tick is a hundredth.
    const BUSY: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";

    #[test]
    fn the_time_of_ended_children_is_counted() {
        let before = of_ended_children().unwrap();
        assert!(Command::new("sh").args(["-c", BUSY]).status().unwrap().success());
        assert!(of_ended_children().unwrap() > before);
    }

    #[test]
    fn the_time_of_a_running_child_is_counted_with_its_parents() {
        let before = of_family(std::process::id()).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{BUSY}; echo done; read line")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        assert!(of_family(std::process::id()).unwrap() > before);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(of_family(u32::MAX), None);
    }
}
