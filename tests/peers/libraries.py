"""The peers: decoders of other people, in another language, and what they say in our words.

Each decoder takes the octets and returns a dict in the words of decode_lines.c, or raises Refused. Numbers are what
the library gives (floats; a word for a special value), units are put beside them in our spelling. Nothing of a
library is changed: where it is wrong, rules.py says so.
"""
import logging
import os
import sys
import types

os.environ['BLUETOOTH_SIG_ENABLE_PARSE_TRACE'] = '0'


class Refused(Exception):
    """The peer does not decode it."""


def use(folder):
    """Import the libraries from the folder that libraries.sh made."""
    sys.path.insert(0, folder)
    logging.disable()
    # labmcp-ble-health takes its four exceptions from a server framework that nothing here needs
    names = ('InstrumentConnectionError', 'InstrumentError', 'InstrumentProtocolError', 'InstrumentTimeout')
    stand_in = types.ModuleType('labmcp')
    vars(stand_in).update({name: type(name, (Exception,), {}) for name in names})
    sys.modules['labmcp'] = stand_in


def present(**words):
    """Without those that are None."""
    return {key: value for key, value in words.items() if value is not None}


# ---- labmcp-ble-health -----------------------------------------------------------------------------

class Labmcp:
    """labmcp-ble-health: cuffs, oximeters, thermometers, scales, straps, battery."""

    NAME = 'labmcp-ble-health'
    SPEAKS = ('2A35', '2A36', '2A1C', '2A5E', '2A5F', '2A9D', '2A37', '2A19', 'sfloat', 'float')

    def __init__(self):
        """Bits for the names that the library gives to status bits."""
        from labmcp_ble_health import driver
        self.lib = driver
        self.error = sys.modules['labmcp'].InstrumentProtocolError
        self.plx_bits = {name: 1 << bit for bit, name in driver.PLX_MEASUREMENT_STATUS.items()}
        self.device_bits = {name: 1 << bit for bit, name in driver.PLX_DEVICE_SENSOR_STATUS.items()}
        self.sites = {name: code for code, name in driver.TEMPERATURE_TYPES.items()}
        self.cuff_bits = {'body_movement_detected': 1, 'cuff_too_loose': 2, 'irregular_pulse_detected': 4,
                          'pulse_rate_exceeds_upper_limit': 8, 'pulse_rate_below_lower_limit': 16,
                          'pulse_rate_range_reserved_value': 24, 'improper_measurement_position': 32}

    @staticmethod
    def number(value, unit):
        """A MedFloat."""
        if value is None:
            return None
        return (value.special if value.value is None else value.value), unit

    def decode(self, name, raw, _has_crc):
        """Dispatch."""
        try:
            return getattr(self, f'do_{name}')(raw)
        except self.error as e:
            raise Refused(str(e)) from None

    def do_sfloat(self, raw):
        """The number alone."""
        return {'number': self.number(self.lib.decode_sfloat(int.from_bytes(raw, 'little')), '?')}

    def do_float(self, raw):
        """The number alone."""
        return {'number': self.number(self.lib.decode_float32(int.from_bytes(raw, 'little')), '?')}

    def do_2A35(self, raw):
        """Blood pressure."""
        m = self.lib.parse_blood_pressure_measurement(raw)
        return present(systolic=self.number(m.systolic, m.unit), diastolic=self.number(m.diastolic, m.unit),
                       mean=self.number(m.mean_arterial, m.unit), t=m.timestamp,
                       pulse=self.number(m.pulse_rate_bpm, '/min'), user=m.user_id,
                       status=sum(self.cuff_bits[s] for s in m.status))

    def do_2A36(self, raw):
        """The same; the first of the three pressures is the cuff's."""
        found = self.do_2A35(raw)
        del found['diastolic'], found['mean']
        found['cuff_pressure'] = found.pop('systolic')
        return found

    def do_2A1C(self, raw):
        """Temperature."""
        m = self.lib.parse_temperature_measurement(raw)
        site = m.temperature_type
        if site is not None:
            site = (self.sites[site] if site in self.sites else int(site[10:-1])), 'code'
        return present(temperature=self.number(m.value, 'Cel' if m.unit == 'C' else 'degF'), t=m.timestamp,
                       body_site=site)

    def do_2A5E(self, raw):
        """Oximeter, spot-check."""
        m = self.lib.parse_plx_spot_check(raw)
        found = self.oximeter(m)
        found['clock_unset'] = m.device_clock_not_set
        return found

    def do_2A5F(self, raw):
        """Oximeter, continuous."""
        return self.oximeter(self.lib.parse_plx_continuous(raw))

    def oximeter(self, m):
        """What both have."""
        def percent(value):
            return self.number(value, '%')

        def rate(value):
            return self.number(value, '/min')
        found = present(SpO2=percent(m.spo2_pct), pulse=rate(m.pulse_rate_bpm), t=m.timestamp,
                        SpO2_fast=percent(m.spo2_fast_pct), pulse_fast=rate(m.pulse_rate_fast_bpm),
                        SpO2_slow=percent(m.spo2_slow_pct), pulse_slow=rate(m.pulse_rate_slow_bpm),
                        pulse_amplitude_index=percent(m.pulse_amplitude_index_pct))
        found['status'] = sum(self.plx_bits[s] for s in m.measurement_status)
        found['device_status'] = sum(self.device_bits[s] for s in m.device_sensor_status)
        return found

    def do_2A9D(self, raw):
        """Scale."""
        m = self.lib.parse_weight_measurement(raw)
        return present(weight=(m.weight if m.weight is not None else 'NaN', m.unit), t=m.timestamp, user=m.user_id,
                       BMI=None if m.bmi_kg_m2 is None else (m.bmi_kg_m2, 'kg/m2'),
                       height=None if m.height is None else (m.height, m.height_unit))

    def do_2A37(self, raw):
        """Strap."""
        m = self.lib.parse_heart_rate_measurement(raw)
        return present(heart_rate=(m.bpm, '/min'), RR_interval=[x * 1024 for x in m.rr_intervals_s] or None,
                       sensor_contact=None if m.sensor_contact is None else (int(m.sensor_contact), 'code'),
                       energy=None if m.energy_expended_kj is None else (m.energy_expended_kj, 'kJ'))

    def do_2A19(self, raw):
        """Battery."""
        return {'percent': self.lib.parse_battery_level(raw)}


# ---- bluetooth-sig ---------------------------------------------------------------------------------

def iso(when):
    """A datetime in our spelling; years of less than four digits too."""
    return None if when is None else when.isoformat().rjust(19, '0')


class BluetoothSig:
    """bluetooth-sig: what labmcp-ble-health does not have, and what it has without an SFLOAT."""

    NAME = 'bluetooth-sig'
    CLASSES = {
        '2A18': 'GlucoseMeasurement', '2A34': 'GlucoseMeasurementContext', '2AA7': 'CGMMeasurement',
        '2AA8': 'CGMFeature', '2AA9': 'CGMStatus', '2AAA': 'CGMSessionStartTime', '2A9D': 'WeightMeasurement',
        '2A9C': 'BodyCompositionMeasurement', '2A37': 'HeartRateMeasurement', '2A2B': 'CurrentTime',
        '2A08': 'DateTime', '2A52': 'RecordAccessControlPoint', '2A23': 'SystemId', '2A50': 'PnpId',
    }
    SPEAKS = (*CLASSES, 'sfloat', 'float')

    def __init__(self):
        """One object per characteristic: making them is slow."""
        from bluetooth_sig.gatt import characteristics
        from bluetooth_sig.gatt.characteristics.utils import IEEE11073Parser
        from bluetooth_sig.gatt.exceptions import BluetoothSIGError
        self.numbers = IEEE11073Parser
        self.error = BluetoothSIGError
        self.of = {name: getattr(characteristics, f'{c}Characteristic')() for name, c in self.CLASSES.items()}

    def decode(self, name, raw, _has_crc):
        """Dispatch."""
        if name == 'sfloat':
            return {'number': (self.numbers.parse_sfloat(raw), '?')}
        if name == 'float':
            return {'number': (self.numbers.parse_float32(raw), '?')}
        if name == '2AA7':
            self.refuse_endless(raw)
        try:
            m = self.of[name].parse_value(raw)
        except self.error as e:
            raise Refused(str(e)) from None
        return getattr(self, f'do_{name}')(m)

    @staticmethod
    def refuse_endless(raw):
        """A record of size 0 makes the library read it for ever; so it is not asked."""
        at = 0
        while at < len(raw):
            if raw[at] == 0:
                raise Refused('endless: size 0')
            at += raw[at]

    def do_2A18(self, m):
        """Glucose."""
        return present(sequence=m.sequence_number, t=iso(m.base_time), offset=m.time_offset_minutes,
                       glucose=None if m.glucose_concentration is None else (m.glucose_concentration, m.unit),
                       sample_type=None if m.glucose_type is None else (int(m.glucose_type), 'code'),
                       sample_location=None if m.sample_location is None else (int(m.sample_location), 'code'),
                       status=m.sensor_status)

    def do_2A34(self, m):
        """Glucose context."""
        def known(value, unit='code'):
            return None if value is None else (value if isinstance(value, float) else int(value), unit)
        return present(sequence=m.sequence_number, carbohydrate_of=known(m.carbohydrate_id),
                       carbohydrate=known(m.carbohydrate_kg, 'kg'), meal=known(m.meal), tester=known(m.tester),
                       health=known(m.health), exercise=known(m.exercise_duration_seconds, 's'),
                       exercise_intensity=known(m.exercise_intensity_percent, '%'), medication=known(m.medication_id),
                       medication_amount=known(m.medication_value, {'litres': 'L'}.get(m.medication_unit, 'kg')),
                       HbA1c=known(m.hba1c_percent, '%'))

    def do_2AA7(self, m):
        """CGM: the records' words with their number before them."""
        found = {}
        for i, r in enumerate(m.records):
            octets = (r.status_octet, r.cal_temp_octet, r.warning_octet)
            status = None if octets == (None,) * 3 else sum(int(o or 0) << 8 * k for k, o in enumerate(octets))
            words = present(glucose=(r.glucose_concentration, 'mg/dL'), offset=r.time_offset, sequence=r.time_offset,
                            status=status,
                            trend=None if r.trend_information is None else (r.trend_information, 'mg/dL/min'),
                            quality=None if r.quality is None else (r.quality, '%'))
            found.update((f'{i}:{key}', value) for key, value in words.items())
        return found

    def do_2AA8(self, m):
        """CGM feature."""
        return {'features': int(m.features), 'type': int(m.cgm_type), 'location': int(m.sample_location)}

    def do_2AA9(self, m):
        """CGM status."""
        return {'offset': m.time_offset, 'status': int(m.status)}

    def do_2AAA(self, m):
        """CGM session start."""
        return {'t': iso(m.start_time), 'zone': m.time_zone, 'dst': int(m.dst_offset)}

    def do_2A9D(self, m):
        """Scale."""
        imperial = m.flags & 1
        return present(weight=(m.weight, 'lb' if imperial else 'kg'), t=iso(m.timestamp), user=m.user_id,
                       BMI=None if m.bmi is None else (m.bmi, 'kg/m2'),
                       height=None if m.height is None else (m.height, 'in' if imperial else 'm'))

    def do_2A9C(self, m):
        """Body composition."""
        mass = 'lb' if m.flags & 1 else 'kg'

        def known(value, unit):
            return None if value is None else (value, unit)
        return present(body_fat=(m.body_fat_percentage, '%'), t=iso(m.timestamp), user=m.user_id,
                       basal_metabolism=known(m.basal_metabolism, 'kJ'), muscle=known(m.muscle_percentage, '%'),
                       muscle_mass=known(m.muscle_mass, mass), **{'fat-free_mass': known(m.fat_free_mass, mass)},
                       soft_lean_mass=known(m.soft_lean_mass, mass), body_water=known(m.body_water_mass, mass),
                       impedance=known(m.impedance, 'ohm'), weight=known(m.weight, mass),
                       height=known(m.height, 'in' if m.flags & 1 else 'm'))

    def do_2A37(self, m):
        """Strap."""
        contact = {'detected': 1, 'not_detected': 0}.get(m.sensor_contact.name.lower())
        return present(heart_rate=(m.heart_rate, '/min'), RR_interval=[x * 1024 for x in m.rr_intervals] or None,
                       sensor_contact=None if contact is None else (contact, 'code'),
                       energy=None if m.energy_expended is None else (m.energy_expended, 'kJ'))

    def do_2A2B(self, m):
        """Clock; for us it is an error if the date is unknown."""
        if m.date_time is None:
            raise Refused('the date is unknown')
        return {'t': iso(m.date_time), 'fraction': m.fractions256}

    def do_2A08(self, m):
        """Clock."""
        return {'t': iso(m)}

    def do_2A52(self, m):
        """Control point: request and answers alike, the operand as octets."""
        return {'opcode': int(m.opcode), 'operator': int(m.operator), 'operand': m.operand}

    def do_2A23(self, m):
        """System ID."""
        return {'id': (m.manufacturer_id + m.oui).hex()}

    def do_2A50(self, m):
        """PnP ID."""
        return {'source': int(m.vendor_id_source), 'vendor': m.vendor_id, 'product': m.product_id,
                'version': m.product_version}
