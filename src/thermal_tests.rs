//! Tests of the reading of heat, on folders that look like a board's.

#![allow(clippy::unwrap_used)]
use super::*;
use tempfile::TempDir;

/// A `/sys` with these files.
fn sysfs(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(&root, files);
    root
}

fn write(root: &TempDir, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn zone(name: &str, celsius: f64) -> ThermalZone {
    ThermalZone {
        name: name.into(),
        celsius,
    }
}

#[test]
fn thermal_zones_are_read_and_broken_ones_left_out() {
    let root = sysfs(&[
        ("thermal_zone0/type", "GPU-therm\n"),
        ("thermal_zone0/temp", "41500\n"),
        ("thermal_zone1/temp", "-5000\n"),
        ("thermal_zone2/type", "broken"),
        ("thermal_zone2/temp", "hot"),
        ("thermal_zone3/type", "switched-off"),
        ("thermal_zone3/temp", "-274000"),
        ("cooling_device0/temp", "1"),
    ]);
    let expected = [zone("GPU-therm", 41.5), zone("thermal_zone1", -5.0)];
    assert_eq!(thermal_zones(root.path()), expected);
    assert_eq!(thermal_zones(Path::new("/no/such/folder")), []);
}

#[test]
fn the_hottest_processor_is_no_battery_and_no_power_chip() {
    let heat = Heat {
        zones: vec![
            zone("CPU-therm", 61.0),
            zone("GPU-therm", 62.5),
            zone("PMIC-Die", 100.0),
            zone("battery", 70.0),
            zone("thermal-fan-est", 66.0),
            zone("x86_pkg_temp", 40.0),
        ],
        is_throttled: false,
    };
    assert_eq!(heat.hottest_processor().unwrap().name, "GPU-therm");
    for name in ["cpu-thermal", "soc0-thermal", "tj-thermal", "cpu_thermal"] {
        assert!(zone(name, 1.0).is_processor(), "{name}");
    }
    assert_eq!(Heat::default().hottest_processor(), None);
}

#[test]
fn a_cooling_device_of_a_processor_at_work_is_throttling_and_a_fan_is_not() {
    let cooling = "class/thermal/cooling_device0";
    for (kind, step, expected) in [
        ("thermal-cpufreq-0", "2", true),
        ("gpu-throttle-alert", "1", true),
        ("17000000.gpu-devfreq", "1", true),
        ("Processor", "0", false),
        ("pwm-fan", "3", false),
        ("intel_powerclamp-cpu", "-1", false),
    ] {
        let root = sysfs(&[
            (&format!("{cooling}/type"), kind),
            (&format!("{cooling}/cur_state"), step),
        ]);
        let heat = HeatReader::new(root.path()).read();
        assert_eq!(heat.is_throttled, expected, "{kind} at {step}");
    }
}

#[test]
fn a_power_mode_is_no_throttling_but_a_later_cap_is() {
    const POLICY: &str = "devices/system/cpu/cpufreq/policy0";
    let root = sysfs(&[(&format!("{POLICY}/cpuinfo_max_freq"), "2000000\n")]);
    let mut reader = HeatReader::new(root.path());
    for (khz, expected) in [
        ("1200000", false),
        ("900000", true),
        ("1200000", false),
        ("2000000", false),
        ("1200000", true),
        ("nonsense", false),
    ] {
        write(&root, &[(&format!("{POLICY}/scaling_max_freq"), khz)]);
        assert_eq!(reader.read().is_throttled, expected, "at {khz} kHz");
    }
}

#[test]
fn a_start_in_the_heat_does_not_take_the_cap_for_a_power_mode() {
    const POLICY: &str = "devices/system/cpu/cpufreq/policy0";
    const COOLING: &str = "class/thermal/cooling_device0";
    let root = sysfs(&[
        (&format!("{POLICY}/cpuinfo_max_freq"), "2000000"),
        (&format!("{POLICY}/scaling_max_freq"), "1200000"),
        (&format!("{COOLING}/type"), "thermal-cpufreq-0"),
        (&format!("{COOLING}/cur_state"), "2"),
    ]);
    let mut reader = HeatReader::new(root.path());
    assert!(reader.read().is_throttled);
    write(&root, &[(&format!("{COOLING}/cur_state"), "0")]);
    assert!(reader.read().is_throttled, "still capped");
    write(&root, &[(&format!("{POLICY}/scaling_max_freq"), "2000000")]);
    assert!(!reader.read().is_throttled);
}

#[test]
fn a_computer_without_sensors_is_cool() {
    assert_eq!(HeatReader::new("/no/such/folder").read(), Heat::default());
}
