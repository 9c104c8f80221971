# The image with OpenSSH's client, for manifests behind git+ssh. It is built on the image, and needs no file beside it:
#
#     docker build -t ecsync-ssh --build-arg IMAGE=ecsync - < deploy/container/ssh.Dockerfile
#
# IMAGE needs ssh already, or Debian's package lists within reach.
ARG IMAGE=ecsync
FROM ${IMAGE}
USER 0:0
# ssh refuses to run as a uid that has no name.
RUN { command -v ssh || { apt-get update -q && apt-get install -qy --no-install-recommends openssh-client; }; } \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && echo 'ecsync:x:65532:65532::/:/usr/sbin/nologin' >> /etc/passwd
USER 65532:65532
