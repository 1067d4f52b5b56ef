#!/usr/bin/env perl
# Run a command through Slurm with its output in a log file, and wait for it:
#
#   slurm.pl [--gpu N] [--num_threads N] [--num_nodes N] [--mem SIZE] [--time LIMIT] [--partition NAME]
#            LOG COMMAND [ARGUMENT …]
#
# The exit code is the command's, as sbatch --wait reports it. The job is cancelled when this script is told to end, or when
# whoever called it is gone: a second call shall not meet it at work in its folder.
use strict;
use warnings;
use POSIX ':sys_wait_h';

my %sbatch_option = (
    gpu => 'gpus-per-node', num_threads => 'cpus-per-task', num_nodes => 'nodes',
    mem => 'mem', time => 'time', partition => 'partition',
);
my @resources = ('--ntasks-per-node=1');
while (@ARGV && $ARGV[0] =~ /^--(\w+)$/ && $sbatch_option{$1}) {
    my ($name, $value) = ($1, $ARGV[1]);
    die "slurm.pl: --$name needs a value\n" unless defined $value;
    push @resources, "--$sbatch_option{$name}=$value" unless $name eq 'gpu' && $value eq '0';
    splice @ARGV, 0, 2;
}
die "slurm.pl: unknown option $ARGV[0]; known: ", join(' ', map {"--$_"} sort keys %sbatch_option), "\n"
    if @ARGV && $ARGV[0] =~ /^-/;
die "usage: slurm.pl [options] LOG COMMAND [ARGUMENT ...]\n" if @ARGV < 2;
my ($log, @command) = @ARGV;
my $caller = getppid;

if ($log =~ m{^(.*)/[^/]*$} && !-d $1) {
    system('mkdir', '-p', $1) == 0 or die "slurm.pl: cannot make the folder $1\n";
}
my $script = "$log.sbatch";
open my $out, '>', $script or die "slurm.pl: cannot write $script: $!\n";
print $out "#!/usr/bin/env bash\n", join(' ', map { quoted($_) } @command), "\n";
close $out or die "slurm.pl: cannot write $script: $!\n";

my $told = 0;
for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { $told = 1 };
}
my @call = ('sbatch', '--parsable', '--wait', '--export=ALL', "--output=$log", "--error=$log", @resources, $script);
my $sbatch = open(my $answer, '-|') // die "slurm.pl: cannot fork: $!\n";
if (!$sbatch) {
    setpgrp 0, 0; # the terminal's Ctrl-C is for this script, which cancels the job
    exec { $call[0] } @call or print STDERR "slurm.pl: cannot run sbatch: $!\n";
    POSIX::_exit(127);
}
my ($job) = (<$answer> // '') =~ /^(\d+)/; # at once; it ends with the job
while (waitpid($sbatch, WNOHANG) != $sbatch) {
    if ($told || getppid != $caller) {
        system 'scancel', $job if defined $job;
        kill 'TERM', $sbatch;
        die "slurm.pl: told to end, job " . ($job // '') . " cancelled\n";
    }
    select undef, undef, undef, 0.2;
}
my $status = $?;
my $code = $status & 127 ? 128 + ($status & 127) : $status >> 8;
print STDERR "slurm.pl: code $code from: @command\nslurm.pl: see $log\n" if $code;
exit $code;

# A word as the shell takes it literally.
sub quoted {
    my ($word) = @_;
    return $word if $word =~ m{^[\w./:=,+@%^-]+$};
    $word =~ s/'/'\\''/g;
    return "'$word'";
}
