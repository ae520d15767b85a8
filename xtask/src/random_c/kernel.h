#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct super_block {
	unsigned long s_magic;
	unsigned char s_blocksize_bits;
};
struct inode {
	unsigned short i_mode;
	unsigned int i_flags;
	struct super_block *i_sb;
};
struct file {
	unsigned int f_flags;
	struct inode *f_inode;
};
struct mm_struct {
	unsigned long task_size, def_flags;
	struct file *exe_file;
};
struct fdtable {
	unsigned int max_fds;
};
struct files_struct {
	struct fdtable *fdt;
	bool resize_in_progress;
};
struct fs_struct {
	int umask;
	int in_exec;
};
struct signal_struct {
	int nr_threads;
	unsigned int flags;
};
struct pid_namespace {
	unsigned int level;
	struct pid_namespace *parent;
};
struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
};
struct cgroup {
	int level;
	int max_depth;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};
struct task_struct {
	int prio, static_prio, exit_state, exit_code, nr_cpus_allowed, policy;
	unsigned int flags;
	struct mm_struct *mm, *active_mm;
	struct task_struct *real_parent, *parent, *group_leader;
	struct files_struct *files;
	struct fs_struct *fs;
	struct signal_struct *signal;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
};
struct bpf_iter_meta {
	u64 session_id, seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
#pragma clang attribute pop
