#pragma once

/*
 * audit_fhir.h - one audit record as a FHIR R4 AuditEvent, in the manner of IHE BALP (Basic Audit Log Patterns).
 *
 * type: DICOM audit event (PS3.16, CID 400); subtype: DICOM where one fits, and always ours; agent: who did it, and
 * the hub; source: the hub; entity: what was touched, and the record itself with its number and the chain head before
 * it, so that the export leads back to the log. No entity is a patient: the log knows none.
 */
#include <cjson/cJSON.h>

#include "hub/core/audit_record.h"

/* Systems of our own codes and identifiers. */
#define AUDIT_FHIR_EVENT_SYSTEM "urn:telehealth-hub:audit-event"
#define AUDIT_FHIR_OBJECT_SYSTEM "urn:telehealth-hub:audit-object"
#define AUDIT_FHIR_HUB_SYSTEM "urn:telehealth-hub:hub"
#define AUDIT_FHIR_RECORD_SYSTEM "urn:telehealth-hub:audit-record"

/* audit_fhir - Returns the resource; the caller deletes it. Ends the program without memory, as json.h. */
cJSON *audit_fhir(const struct audit_record *r, const uint8_t hub[static HUB_ID_LEN],
		  uint32_t enrolment);
