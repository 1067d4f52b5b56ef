#!/usr/bin/env perl
# Run a command on this machine with its output in a log file:
#
#   run.pl [--gpu N] [--num_threads N] [--mem SIZE] [--time LIMIT] LOG COMMAND [ARGUMENT …]
#
# The options are there so that cmd.sh can name slurm.pl in its place; here they ask for nothing. The exit code is the
# command's. The command is run as it is, without a shell. It is killed, with what it started, when whoever called this
# script is: a second call shall not meet it at work in its folder.
use strict;
use warnings;
use POSIX ':sys_wait_h';

while (@ARGV && $ARGV[0] =~ /^--(gpu|num_threads|mem|time)$/) {
    die "run.pl: $ARGV[0] needs a value\n" if @ARGV < 2;
    splice @ARGV, 0, 2;
}
die "run.pl: unknown option $ARGV[0]; known: --gpu --num_threads --mem --time\n" if @ARGV && $ARGV[0] =~ /^-/;
die "usage: run.pl [options] LOG COMMAND [ARGUMENT ...]\n" if @ARGV < 2;
my ($log, @command) = @ARGV;

if ($log =~ m{^(.*)/[^/]*$} && !-d $1) {
    system('mkdir', '-p', $1) == 0 or die "run.pl: cannot make the folder $1\n";
}
my $caller = getppid;
open my $out, '>', $log or die "run.pl: cannot write $log: $!\n";
$out->autoflush(1);
my $started = time;
print $out "# @command\n# Started at ", scalar localtime, "\n#\n";

my $child = fork;
die "run.pl: cannot fork: $!\n" unless defined $child;
if (!$child) {
    setpgrp 0, 0; # its own children are told with it
    open STDOUT, '>&', $out and open STDERR, '>&', $out or die "run.pl: $!\n";
    exec { $command[0] } @command or print STDERR "run.pl: cannot run $command[0]: $!\n";
    exit 127;
}
# A signal to this script goes on to the command, whose end is then waited for.
for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { kill "-$signal", $child };
}
while (waitpid($child, WNOHANG) != $child) {
    kill '-KILL', $child if getppid != $caller;
    select undef, undef, undef, 0.1;
}
my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
print $out "# Ended (code $code) at ", scalar localtime, ", elapsed time ", time - $started, " seconds\n";
print STDERR "run.pl: code $code from: @command\nrun.pl: see $log\n" if $code;
exit $code;
