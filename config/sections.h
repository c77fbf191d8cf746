#pragma once

#include "config/schema.h"

namespace drawbridge::config {

// The sections of the file by owner; root_section() ties them together. Each is a constant, initialised before
// main.
extern const Section server_section;             // Server
extern const Section listener_section;           // Listener
extern const Section listener_tls_section;       // ListenerTls
extern const Section certificate_section;        // Certificate
extern const Section limits_section;             // Limits
extern const Section timeouts_section;           // Timeouts
extern const Section upstream_timeouts_section;  // UpstreamTimeouts
extern const Section pool_server_section;        // PoolServer
extern const Section pool_tls_section;           // PoolTls
extern const Section health_section;             // Health
extern const Section pool_section;               // Pool
extern const Section readonly_section;           // Readonly
extern const Section hold_section;               // Hold
extern const Section maintenance_section;        // Maintenance
extern const Section drain_section;              // Drain
extern const Section hsts_section;               // Hsts
extern const Section header_edits_section;       // HeaderEdits
extern const Section site_section;               // Site

// Bounds of durations, in milliseconds.
inline constexpr std::int64_t second = 1'000;
inline constexpr std::int64_t minute = 60 * second;
inline constexpr std::int64_t hour = 60 * minute;
inline constexpr std::int64_t day = 24 * hour;

}  // namespace drawbridge::config
