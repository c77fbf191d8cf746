#pragma once

#include <cstddef>
#include <cstdint>

// Every bound that is not configuration, in one place. Names end in what they count.
namespace drawbridge::base::limits {

inline constexpr std::size_t sites_max = 4'096;
inline constexpr std::size_t slices_max = 4'096;  // that have been, of all sites, in the life of a process
inline constexpr std::size_t slices_per_site_max = 500;
inline constexpr std::size_t pools_max = 4'096;
inline constexpr std::size_t servers_max = 8'192;
inline constexpr std::size_t endpoints_per_server_max = 16;
inline constexpr std::size_t rules_per_site_max = 1'000;
inline constexpr std::size_t workers_max = 256;

inline constexpr std::size_t headers_max = 128;  // fields of one head
inline constexpr std::size_t trailer_bytes_max = 8 * 1024;
inline constexpr std::size_t chunk_extension_bytes_max = 4 * 1024;
inline constexpr std::size_t interim_responses_max = 16;  // 1xx before a final response

// Descriptors that clients and servers never get: admin connections, probes, look-ups, state, logs, clients that
// are being turned away. Half of what is free at the start where that is less.
inline constexpr std::size_t reserved_descriptors_max = 192;

inline constexpr std::size_t io_buffer_bytes = 64 * 1024;        // one side of an exchange
inline constexpr std::size_t bulk_buffer_bytes = 256 * 1024;     // of a body that fills the other one
inline constexpr std::size_t bulk_buffers_max = 16;              // a worker: slow readers must not hold more
inline constexpr std::size_t h2_spare_bytes = 64 * 1024 * 1024;  // a worker: bodies that wait, of HTTP/2
inline constexpr std::size_t pipes_max = 16;                     // a worker: of large bodies, two descriptors each
inline constexpr std::size_t fast_path_bytes = 2 * 1024;         // paths up to here are judged without allocation

inline constexpr std::size_t listed_requests_max = 100;  // in a receipt or status, a worker
// Writes whose outcome nobody knows, remembered after their end, a worker.
inline constexpr std::size_t unknown_writes_max = 64;
inline constexpr std::int64_t unknown_writes_kept_ms = 10 * 60 * 1'000;
inline constexpr std::size_t shown_path_bytes_max = 200;
inline constexpr std::size_t reason_bytes_max = 500;            // --reason
inline constexpr std::size_t command_output_bytes_max = 4'096;  // of a cutover's command, kept in the history
inline constexpr std::size_t actor_name_bytes_max = 100;
inline constexpr std::size_t history_entries_max = 1'000;  // kept and shown
inline constexpr std::size_t admin_body_bytes_max = 64 * 1024;

}  // namespace drawbridge::base::limits
