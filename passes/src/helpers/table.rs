//! The table of helpers.
//!
//! Numbers and names are those of `___BPF_FUNC_MAPPER` in `include/uapi/linux/bpf.h`, the
//! versions those of the kernel releases whose header has the helper first. `updates` stands
//! for `writes` where a kernel since 5.10 wants the memory initialised (`ARG_PTR_TO_MEM`
//! before MEM_WRITE came, `ARG_PTR_TO_LONG`, a bloom filter's `bpf_map_peek_elem`).

use super::Ret::{Integer, Length, Ptr, PtrOrNull, Void};
use super::{Access, Arg, Extent, Helper, Indirect, Ret, Version};

const SCALAR: Arg = Arg::Scalar;
const CTX: Arg = Arg::Ctx;
const MAP: Arg = Arg::Map;
const OBJECT: Arg = Arg::Object;
const CALLBACK: Arg = Arg::Callback;
const CALLBACK_CTX: Arg = Arg::CallbackCtx;
const VARIADIC: Arg = Arg::Variadic;
const KEY: Arg = Arg::Memory { access: Access::Read, extent: Extent::MapKey };
const VALUE: Arg = Arg::Memory { access: Access::Read, extent: Extent::MapValue };
const WRITTEN_VALUE: Arg = Arg::Memory { access: Access::Write, extent: Extent::MapValue };
const UPDATED_VALUE: Arg = Arg::Memory { access: Access::Update, extent: Extent::MapValue };
const STRING: Arg = Arg::Memory { access: Access::Read, extent: Extent::String };

// Memory of as many bytes as the argument `size` says.

const fn reads(size: u8) -> Arg {
    Arg::Memory { access: Access::Read, extent: Extent::Arg(size) }
}

const fn probes(size: u8) -> Arg {
    Arg::Memory { access: Access::Probe, extent: Extent::Arg(size) }
}

const fn writes(size: u8) -> Arg {
    Arg::Memory { access: Access::Write, extent: Extent::Arg(size) }
}

const fn updates(size: u8) -> Arg {
    Arg::Memory { access: Access::Update, extent: Extent::Arg(size) }
}

const fn retains(size: u8) -> Arg {
    Arg::Memory { access: Access::Retain, extent: Extent::Arg(size) }
}

// Memory of so many bytes.

const fn reads_bytes(bytes: u32) -> Arg {
    Arg::Memory { access: Access::Read, extent: Extent::Bytes(bytes) }
}

const fn writes_bytes(bytes: u32) -> Arg {
    Arg::Memory { access: Access::Write, extent: Extent::Bytes(bytes) }
}

const fn updates_bytes(bytes: u32) -> Arg {
    Arg::Memory { access: Access::Update, extent: Extent::Bytes(bytes) }
}

const fn helper(
    number: i32,
    name: &'static str,
    since: Version,
    ret: Ret,
    args: &'static [Arg],
) -> Helper {
    Helper { number, name, since, ret, args, indirect: Indirect::None, tail_call: false }
}

impl Helper {
    const fn reads_indirectly(self) -> Helper {
        Helper { indirect: Indirect::Reads, ..self }
    }

    const fn reads_and_writes_indirectly(self) -> Helper {
        Helper { indirect: Indirect::ReadsWrites, ..self }
    }

    const fn does_not_return(self) -> Helper {
        Helper { tail_call: true, ..self }
    }
}

/// Helper `n` at index `n - 1`.
#[rustfmt::skip]
pub(super) static HELPERS: &[Helper] = &[
    helper(1, "bpf_map_lookup_elem", (3, 19), PtrOrNull, &[MAP, KEY]),
    helper(2, "bpf_map_update_elem", (3, 19), Integer, &[MAP, KEY, VALUE, SCALAR]),
    helper(3, "bpf_map_delete_elem", (3, 19), Integer, &[MAP, KEY]),
    helper(4, "bpf_probe_read", (4, 1), Integer, &[writes(2), SCALAR, probes(2)]),
    helper(5, "bpf_ktime_get_ns", (4, 1), Integer, &[]),
    helper(6, "bpf_trace_printk", (4, 1), Integer, &[reads(2), SCALAR, VARIADIC, VARIADIC, VARIADIC]).reads_indirectly(),
    helper(7, "bpf_get_prandom_u32", (4, 1), Integer, &[]),
    helper(8, "bpf_get_smp_processor_id", (4, 1), Integer, &[]),
    helper(9, "bpf_skb_store_bytes", (4, 1), Integer, &[CTX, SCALAR, reads(4), SCALAR, SCALAR]),
    helper(10, "bpf_l3_csum_replace", (4, 1), Integer, &[CTX, SCALAR, SCALAR, SCALAR, SCALAR]),
    helper(11, "bpf_l4_csum_replace", (4, 1), Integer, &[CTX, SCALAR, SCALAR, SCALAR, SCALAR]),
    helper(12, "bpf_tail_call", (4, 2), Void, &[CTX, MAP, SCALAR]).does_not_return(),
    helper(13, "bpf_clone_redirect", (4, 2), Integer, &[CTX, SCALAR, SCALAR]),
    helper(14, "bpf_get_current_pid_tgid", (4, 2), Integer, &[]),
    helper(15, "bpf_get_current_uid_gid", (4, 2), Integer, &[]),
    helper(16, "bpf_get_current_comm", (4, 2), Integer, &[writes(2), SCALAR]),
    helper(17, "bpf_get_cgroup_classid", (4, 3), Integer, &[CTX]),
    helper(18, "bpf_skb_vlan_push", (4, 3), Integer, &[CTX, SCALAR, SCALAR]),
    helper(19, "bpf_skb_vlan_pop", (4, 3), Integer, &[CTX]),
    helper(20, "bpf_skb_get_tunnel_key", (4, 3), Integer, &[CTX, writes(3), SCALAR, SCALAR]),
    helper(21, "bpf_skb_set_tunnel_key", (4, 3), Integer, &[CTX, reads(3), SCALAR, SCALAR]),
    helper(22, "bpf_perf_event_read", (4, 3), Integer, &[MAP, SCALAR]),
    helper(23, "bpf_redirect", (4, 4), Integer, &[SCALAR, SCALAR]),
    helper(24, "bpf_get_route_realm", (4, 4), Integer, &[CTX]),
    helper(25, "bpf_perf_event_output", (4, 4), Integer, &[CTX, MAP, SCALAR, reads(5), SCALAR]),
    helper(26, "bpf_skb_load_bytes", (4, 5), Integer, &[CTX, SCALAR, writes(4), SCALAR]),
    helper(27, "bpf_get_stackid", (4, 6), Integer, &[CTX, MAP, SCALAR]),
    helper(28, "bpf_csum_diff", (4, 6), Integer, &[reads(2), SCALAR, reads(4), SCALAR, SCALAR]),
    helper(29, "bpf_skb_get_tunnel_opt", (4, 6), Integer, &[CTX, writes(3), SCALAR]),
    helper(30, "bpf_skb_set_tunnel_opt", (4, 6), Integer, &[CTX, reads(3), SCALAR]),
    helper(31, "bpf_skb_change_proto", (4, 8), Integer, &[CTX, SCALAR, SCALAR]),
    helper(32, "bpf_skb_change_type", (4, 8), Integer, &[CTX, SCALAR]),
    helper(33, "bpf_skb_under_cgroup", (4, 8), Integer, &[CTX, MAP, SCALAR]),
    helper(34, "bpf_get_hash_recalc", (4, 8), Integer, &[CTX]),
    helper(35, "bpf_get_current_task", (4, 8), Integer, &[]),
    helper(36, "bpf_probe_write_user", (4, 8), Integer, &[SCALAR, reads(3), SCALAR]),
    helper(37, "bpf_current_task_under_cgroup", (4, 9), Integer, &[MAP, SCALAR]),
    helper(38, "bpf_skb_change_tail", (4, 9), Integer, &[CTX, SCALAR, SCALAR]),
    helper(39, "bpf_skb_pull_data", (4, 9), Integer, &[CTX, SCALAR]),
    helper(40, "bpf_csum_update", (4, 9), Integer, &[CTX, SCALAR]),
    helper(41, "bpf_set_hash_invalid", (4, 9), Integer, &[CTX]),
    helper(42, "bpf_get_numa_node_id", (4, 10), Integer, &[]),
    helper(43, "bpf_skb_change_head", (4, 10), Integer, &[CTX, SCALAR, SCALAR]),
    helper(44, "bpf_xdp_adjust_head", (4, 10), Integer, &[CTX, SCALAR]),
    helper(45, "bpf_probe_read_str", (4, 11), Length(2), &[writes(2), SCALAR, probes(2)]),
    helper(46, "bpf_get_socket_cookie", (4, 12), Integer, &[CTX]),
    helper(47, "bpf_get_socket_uid", (4, 12), Integer, &[CTX]),
    helper(48, "bpf_set_hash", (4, 13), Integer, &[CTX, SCALAR]),
    helper(49, "bpf_setsockopt", (4, 13), Integer, &[CTX, SCALAR, SCALAR, reads(5), SCALAR]),
    helper(50, "bpf_skb_adjust_room", (4, 13), Integer, &[CTX, SCALAR, SCALAR, SCALAR]),
    helper(51, "bpf_redirect_map", (4, 14), Integer, &[MAP, SCALAR, SCALAR]),
    helper(52, "bpf_sk_redirect_map", (4, 14), Integer, &[CTX, MAP, SCALAR, SCALAR]),
    helper(53, "bpf_sock_map_update", (4, 14), Integer, &[CTX, MAP, KEY, SCALAR]),
    helper(54, "bpf_xdp_adjust_meta", (4, 15), Integer, &[CTX, SCALAR]),
    helper(55, "bpf_perf_event_read_value", (4, 15), Integer, &[MAP, SCALAR, writes(4), SCALAR]),
    helper(56, "bpf_perf_prog_read_value", (4, 15), Integer, &[CTX, writes(3), SCALAR]),
    helper(57, "bpf_getsockopt", (4, 15), Integer, &[CTX, SCALAR, SCALAR, updates(5), SCALAR]),
    helper(58, "bpf_override_return", (4, 16), Integer, &[CTX, SCALAR]),
    helper(59, "bpf_sock_ops_cb_flags_set", (4, 16), Integer, &[CTX, SCALAR]),
    helper(60, "bpf_msg_redirect_map", (4, 17), Integer, &[CTX, MAP, SCALAR, SCALAR]),
    helper(61, "bpf_msg_apply_bytes", (4, 17), Integer, &[CTX, SCALAR]),
    helper(62, "bpf_msg_cork_bytes", (4, 17), Integer, &[CTX, SCALAR]),
    helper(63, "bpf_msg_pull_data", (4, 17), Integer, &[CTX, SCALAR, SCALAR, SCALAR]),
    helper(64, "bpf_bind", (4, 17), Integer, &[CTX, reads(3), SCALAR]),
    helper(65, "bpf_xdp_adjust_tail", (4, 18), Integer, &[CTX, SCALAR]),
    helper(66, "bpf_skb_get_xfrm_state", (4, 18), Integer, &[CTX, SCALAR, writes(4), SCALAR, SCALAR]),
    helper(67, "bpf_get_stack", (4, 18), Length(3), &[CTX, updates(3), SCALAR, SCALAR]),
    helper(68, "bpf_skb_load_bytes_relative", (4, 18), Integer, &[CTX, SCALAR, writes(4), SCALAR, SCALAR]),
    helper(69, "bpf_fib_lookup", (4, 18), Integer, &[CTX, updates(3), SCALAR, SCALAR]),
    helper(70, "bpf_sock_hash_update", (4, 18), Integer, &[CTX, MAP, KEY, SCALAR]),
    helper(71, "bpf_msg_redirect_hash", (4, 18), Integer, &[CTX, MAP, KEY, SCALAR]),
    helper(72, "bpf_sk_redirect_hash", (4, 18), Integer, &[CTX, MAP, KEY, SCALAR]),
    helper(73, "bpf_lwt_push_encap", (4, 18), Integer, &[CTX, SCALAR, reads(4), SCALAR]),
    helper(74, "bpf_lwt_seg6_store_bytes", (4, 18), Integer, &[CTX, SCALAR, reads(4), SCALAR]),
    helper(75, "bpf_lwt_seg6_adjust_srh", (4, 18), Integer, &[CTX, SCALAR, SCALAR]),
    helper(76, "bpf_lwt_seg6_action", (4, 18), Integer, &[CTX, SCALAR, reads(4), SCALAR]),
    helper(77, "bpf_rc_repeat", (4, 18), Integer, &[CTX]),
    helper(78, "bpf_rc_keydown", (4, 18), Integer, &[CTX, SCALAR, SCALAR, SCALAR]),
    helper(79, "bpf_skb_cgroup_id", (4, 18), Integer, &[CTX]),
    helper(80, "bpf_get_current_cgroup_id", (4, 18), Integer, &[]),
    helper(81, "bpf_get_local_storage", (4, 19), Ptr, &[MAP, SCALAR]),
    helper(82, "bpf_sk_select_reuseport", (4, 19), Integer, &[CTX, MAP, KEY, SCALAR]),
    helper(83, "bpf_skb_ancestor_cgroup_id", (4, 19), Integer, &[CTX, SCALAR]),
    helper(84, "bpf_sk_lookup_tcp", (4, 20), PtrOrNull, &[CTX, reads(3), SCALAR, SCALAR, SCALAR]),
    helper(85, "bpf_sk_lookup_udp", (4, 20), PtrOrNull, &[CTX, reads(3), SCALAR, SCALAR, SCALAR]),
    helper(86, "bpf_sk_release", (4, 20), Integer, &[OBJECT]),
    helper(87, "bpf_map_push_elem", (4, 20), Integer, &[MAP, VALUE, SCALAR]),
    helper(88, "bpf_map_pop_elem", (4, 20), Integer, &[MAP, WRITTEN_VALUE]),
    helper(89, "bpf_map_peek_elem", (4, 20), Integer, &[MAP, UPDATED_VALUE]),
    helper(90, "bpf_msg_push_data", (4, 20), Integer, &[CTX, SCALAR, SCALAR, SCALAR]),
    helper(91, "bpf_msg_pop_data", (5, 0), Integer, &[CTX, SCALAR, SCALAR, SCALAR]),
    helper(92, "bpf_rc_pointer_rel", (5, 0), Integer, &[CTX, SCALAR, SCALAR]),
    helper(93, "bpf_spin_lock", (5, 1), Void, &[OBJECT]),
    helper(94, "bpf_spin_unlock", (5, 1), Void, &[OBJECT]),
    helper(95, "bpf_sk_fullsock", (5, 1), PtrOrNull, &[OBJECT]),
    helper(96, "bpf_tcp_sock", (5, 1), PtrOrNull, &[OBJECT]),
    helper(97, "bpf_skb_ecn_set_ce", (5, 1), Integer, &[CTX]),
    helper(98, "bpf_get_listener_sock", (5, 1), PtrOrNull, &[OBJECT]),
    helper(99, "bpf_skc_lookup_tcp", (5, 2), PtrOrNull, &[CTX, reads(3), SCALAR, SCALAR, SCALAR]),
    helper(100, "bpf_tcp_check_syncookie", (5, 2), Integer, &[OBJECT, reads(3), SCALAR, reads(5), SCALAR]),
    helper(101, "bpf_sysctl_get_name", (5, 2), Integer, &[CTX, updates(3), SCALAR, SCALAR]),
    helper(102, "bpf_sysctl_get_current_value", (5, 2), Integer, &[CTX, writes(3), SCALAR]),
    helper(103, "bpf_sysctl_get_new_value", (5, 2), Integer, &[CTX, writes(3), SCALAR]),
    helper(104, "bpf_sysctl_set_new_value", (5, 2), Integer, &[CTX, reads(3), SCALAR]),
    helper(105, "bpf_strtol", (5, 2), Integer, &[reads(2), SCALAR, SCALAR, updates_bytes(8)]),
    helper(106, "bpf_strtoul", (5, 2), Integer, &[reads(2), SCALAR, SCALAR, updates_bytes(8)]),
    helper(107, "bpf_sk_storage_get", (5, 2), PtrOrNull, &[MAP, OBJECT, VALUE, SCALAR]),
    helper(108, "bpf_sk_storage_delete", (5, 2), Integer, &[MAP, OBJECT]),
    helper(109, "bpf_send_signal", (5, 3), Integer, &[SCALAR]),
    helper(110, "bpf_tcp_gen_syncookie", (5, 4), Integer, &[OBJECT, reads(3), SCALAR, reads(5), SCALAR]),
    helper(111, "bpf_skb_output", (5, 5), Integer, &[OBJECT, MAP, SCALAR, reads(5), SCALAR]),
    helper(112, "bpf_probe_read_user", (5, 5), Integer, &[writes(2), SCALAR, SCALAR]),
    helper(113, "bpf_probe_read_kernel", (5, 5), Integer, &[writes(2), SCALAR, probes(2)]),
    helper(114, "bpf_probe_read_user_str", (5, 5), Length(2), &[writes(2), SCALAR, SCALAR]),
    helper(115, "bpf_probe_read_kernel_str", (5, 5), Length(2), &[writes(2), SCALAR, probes(2)]),
    helper(116, "bpf_tcp_send_ack", (5, 6), Integer, &[OBJECT, SCALAR]),
    helper(117, "bpf_send_signal_thread", (5, 6), Integer, &[SCALAR]),
    helper(118, "bpf_jiffies64", (5, 6), Integer, &[]),
    helper(119, "bpf_read_branch_records", (5, 7), Integer, &[CTX, updates(3), SCALAR, SCALAR]),
    helper(120, "bpf_get_ns_current_pid_tgid", (5, 7), Integer, &[SCALAR, SCALAR, writes(4), SCALAR]),
    helper(121, "bpf_xdp_output", (5, 7), Integer, &[OBJECT, MAP, SCALAR, reads(5), SCALAR]),
    helper(122, "bpf_get_netns_cookie", (5, 7), Integer, &[CTX]),
    helper(123, "bpf_get_current_ancestor_cgroup_id", (5, 7), Integer, &[SCALAR]),
    helper(124, "bpf_sk_assign", (5, 7), Integer, &[CTX, OBJECT, SCALAR]),
    helper(125, "bpf_ktime_get_boot_ns", (5, 8), Integer, &[]),
    helper(126, "bpf_seq_printf", (5, 8), Integer, &[OBJECT, reads(3), SCALAR, reads(5), SCALAR]).reads_indirectly(),
    helper(127, "bpf_seq_write", (5, 8), Integer, &[OBJECT, reads(3), SCALAR]),
    helper(128, "bpf_sk_cgroup_id", (5, 8), Integer, &[OBJECT]),
    helper(129, "bpf_sk_ancestor_cgroup_id", (5, 8), Integer, &[OBJECT, SCALAR]),
    helper(130, "bpf_ringbuf_output", (5, 8), Integer, &[MAP, reads(3), SCALAR, SCALAR]),
    helper(131, "bpf_ringbuf_reserve", (5, 8), PtrOrNull, &[MAP, SCALAR, SCALAR]),
    helper(132, "bpf_ringbuf_submit", (5, 8), Void, &[OBJECT, SCALAR]),
    helper(133, "bpf_ringbuf_discard", (5, 8), Void, &[OBJECT, SCALAR]),
    helper(134, "bpf_ringbuf_query", (5, 8), Integer, &[MAP, SCALAR]),
    helper(135, "bpf_csum_level", (5, 8), Integer, &[CTX, SCALAR]),
    helper(136, "bpf_skc_to_tcp6_sock", (5, 9), PtrOrNull, &[OBJECT]),
    helper(137, "bpf_skc_to_tcp_sock", (5, 9), PtrOrNull, &[OBJECT]),
    helper(138, "bpf_skc_to_tcp_timewait_sock", (5, 9), PtrOrNull, &[OBJECT]),
    helper(139, "bpf_skc_to_tcp_request_sock", (5, 9), PtrOrNull, &[OBJECT]),
    helper(140, "bpf_skc_to_udp6_sock", (5, 9), PtrOrNull, &[OBJECT]),
    helper(141, "bpf_get_task_stack", (5, 9), Integer, &[OBJECT, writes(3), SCALAR, SCALAR]),
    helper(142, "bpf_load_hdr_opt", (5, 10), Integer, &[CTX, updates(3), SCALAR, SCALAR]),
    helper(143, "bpf_store_hdr_opt", (5, 10), Integer, &[CTX, reads(3), SCALAR, SCALAR]),
    helper(144, "bpf_reserve_hdr_opt", (5, 10), Integer, &[CTX, SCALAR, SCALAR]),
    helper(145, "bpf_inode_storage_get", (5, 10), PtrOrNull, &[MAP, OBJECT, VALUE, SCALAR]),
    helper(146, "bpf_inode_storage_delete", (5, 10), Integer, &[MAP, OBJECT]),
    helper(147, "bpf_d_path", (5, 10), Integer, &[OBJECT, updates(3), SCALAR]),
    helper(148, "bpf_copy_from_user", (5, 10), Integer, &[writes(2), SCALAR, SCALAR]),
    helper(149, "bpf_snprintf_btf", (5, 10), Integer, &[updates(2), SCALAR, reads(4), SCALAR, SCALAR]).reads_indirectly(),
    helper(150, "bpf_seq_printf_btf", (5, 10), Integer, &[OBJECT, reads(3), SCALAR, SCALAR]).reads_indirectly(),
    helper(151, "bpf_skb_cgroup_classid", (5, 10), Integer, &[CTX]),
    helper(152, "bpf_redirect_neigh", (5, 10), Integer, &[SCALAR, reads(3), SCALAR, SCALAR]),
    helper(153, "bpf_per_cpu_ptr", (5, 10), PtrOrNull, &[OBJECT, SCALAR]),
    helper(154, "bpf_this_cpu_ptr", (5, 10), Ptr, &[OBJECT]),
    helper(155, "bpf_redirect_peer", (5, 10), Integer, &[SCALAR, SCALAR]),
    helper(156, "bpf_task_storage_get", (5, 11), PtrOrNull, &[MAP, OBJECT, VALUE, SCALAR]),
    helper(157, "bpf_task_storage_delete", (5, 11), Integer, &[MAP, OBJECT]),
    helper(158, "bpf_get_current_task_btf", (5, 11), Ptr, &[]),
    helper(159, "bpf_bprm_opts_set", (5, 11), Integer, &[OBJECT, SCALAR]),
    helper(160, "bpf_ktime_get_coarse_ns", (5, 11), Integer, &[]),
    helper(161, "bpf_ima_inode_hash", (5, 11), Integer, &[OBJECT, writes(3), SCALAR]),
    helper(162, "bpf_sock_from_file", (5, 11), PtrOrNull, &[OBJECT]),
    helper(163, "bpf_check_mtu", (5, 12), Integer, &[CTX, SCALAR, updates_bytes(4), SCALAR, SCALAR]),
    helper(164, "bpf_for_each_map_elem", (5, 13), Integer, &[MAP, CALLBACK, CALLBACK_CTX, SCALAR]),
    helper(165, "bpf_snprintf", (5, 13), Integer, &[updates(2), SCALAR, STRING, reads(5), SCALAR]).reads_indirectly(),
    helper(166, "bpf_sys_bpf", (5, 14), Integer, &[SCALAR, updates(3), SCALAR]).reads_and_writes_indirectly(),
    helper(167, "bpf_btf_find_by_name_kind", (5, 14), Integer, &[reads(2), SCALAR, SCALAR, SCALAR]),
    helper(168, "bpf_sys_close", (5, 14), Integer, &[SCALAR]),
    helper(169, "bpf_timer_init", (5, 15), Integer, &[OBJECT, MAP, SCALAR]),
    helper(170, "bpf_timer_set_callback", (5, 15), Integer, &[OBJECT, CALLBACK]),
    helper(171, "bpf_timer_start", (5, 15), Integer, &[OBJECT, SCALAR, SCALAR]),
    helper(172, "bpf_timer_cancel", (5, 15), Integer, &[OBJECT]),
    helper(173, "bpf_get_func_ip", (5, 15), Integer, &[CTX]),
    helper(174, "bpf_get_attach_cookie", (5, 15), Integer, &[CTX]),
    helper(175, "bpf_task_pt_regs", (5, 15), Ptr, &[OBJECT]),
    helper(176, "bpf_get_branch_snapshot", (5, 16), Integer, &[writes(2), SCALAR, SCALAR]),
    helper(177, "bpf_trace_vprintk", (5, 16), Integer, &[reads(2), SCALAR, reads(4), SCALAR]).reads_indirectly(),
    helper(178, "bpf_skc_to_unix_sock", (5, 16), PtrOrNull, &[OBJECT]),
    helper(179, "bpf_kallsyms_lookup_name", (5, 16), Integer, &[reads(2), SCALAR, SCALAR, updates_bytes(8)]),
    helper(180, "bpf_find_vma", (5, 17), Integer, &[OBJECT, SCALAR, CALLBACK, CALLBACK_CTX, SCALAR]),
    helper(181, "bpf_loop", (5, 17), Integer, &[SCALAR, CALLBACK, CALLBACK_CTX, SCALAR]),
    helper(182, "bpf_strncmp", (5, 17), Integer, &[reads(2), SCALAR, STRING]),
    helper(183, "bpf_get_func_arg", (5, 17), Integer, &[CTX, SCALAR, updates_bytes(8)]),
    helper(184, "bpf_get_func_ret", (5, 17), Integer, &[CTX, updates_bytes(8)]),
    helper(185, "bpf_get_func_arg_cnt", (5, 17), Integer, &[CTX]),
    helper(186, "bpf_get_retval", (5, 18), Integer, &[]),
    helper(187, "bpf_set_retval", (5, 18), Integer, &[SCALAR]),
    helper(188, "bpf_xdp_get_buff_len", (5, 18), Integer, &[CTX]),
    helper(189, "bpf_xdp_load_bytes", (5, 18), Integer, &[CTX, SCALAR, writes(4), SCALAR]),
    helper(190, "bpf_xdp_store_bytes", (5, 18), Integer, &[CTX, SCALAR, reads(4), SCALAR]),
    helper(191, "bpf_copy_from_user_task", (5, 18), Integer, &[writes(2), SCALAR, SCALAR, OBJECT, SCALAR]),
    helper(192, "bpf_skb_set_tstamp", (5, 18), Integer, &[CTX, SCALAR, SCALAR]),
    helper(193, "bpf_ima_file_hash", (5, 18), Integer, &[OBJECT, writes(3), SCALAR]),
    helper(194, "bpf_kptr_xchg", (5, 19), PtrOrNull, &[OBJECT, OBJECT]),
    helper(195, "bpf_map_lookup_percpu_elem", (5, 19), PtrOrNull, &[MAP, KEY, SCALAR]),
    helper(196, "bpf_skc_to_mptcp_sock", (5, 19), PtrOrNull, &[OBJECT]),
    helper(197, "bpf_dynptr_from_mem", (5, 19), Integer, &[retains(2), SCALAR, SCALAR, writes_bytes(16)]),
    helper(198, "bpf_ringbuf_reserve_dynptr", (5, 19), Integer, &[MAP, SCALAR, SCALAR, writes_bytes(16)]),
    helper(199, "bpf_ringbuf_submit_dynptr", (5, 19), Void, &[updates_bytes(16), SCALAR]),
    helper(200, "bpf_ringbuf_discard_dynptr", (5, 19), Void, &[updates_bytes(16), SCALAR]),
    helper(201, "bpf_dynptr_read", (5, 19), Integer, &[writes(2), SCALAR, reads_bytes(16), SCALAR, SCALAR]),
    helper(202, "bpf_dynptr_write", (5, 19), Integer, &[reads_bytes(16), SCALAR, reads(4), SCALAR, SCALAR]),
    helper(203, "bpf_dynptr_data", (5, 19), PtrOrNull, &[reads_bytes(16), SCALAR, SCALAR]),
    helper(204, "bpf_tcp_raw_gen_syncookie_ipv4", (6, 0), Integer, &[reads_bytes(20), reads(3), SCALAR]),
    helper(205, "bpf_tcp_raw_gen_syncookie_ipv6", (6, 0), Integer, &[reads_bytes(40), reads(3), SCALAR]),
    helper(206, "bpf_tcp_raw_check_syncookie_ipv4", (6, 0), Integer, &[reads_bytes(20), reads_bytes(20)]),
    helper(207, "bpf_tcp_raw_check_syncookie_ipv6", (6, 0), Integer, &[reads_bytes(40), reads_bytes(20)]),
    helper(208, "bpf_ktime_get_tai_ns", (6, 1), Integer, &[]),
    helper(209, "bpf_user_ringbuf_drain", (6, 1), Integer, &[MAP, CALLBACK, CALLBACK_CTX, SCALAR]),
    helper(210, "bpf_cgrp_storage_get", (6, 2), PtrOrNull, &[MAP, OBJECT, VALUE, SCALAR]),
    helper(211, "bpf_cgrp_storage_delete", (6, 2), Integer, &[MAP, OBJECT]),
];
