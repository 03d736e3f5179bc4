// axi_lite_answers: every request over AXI4-Lite is answered once, and a refused one does nothing.
//
//   an answer, once offered, stays as it is until it is taken
//   as many answers as requests: never one more, and never two open
//   a write is answered OKAY exactly if it brings a whole word to a register that takes it now
//   a refused write changes neither run nor any memory, and aborts nothing; a good one does what it says, once
//   a read is answered OKAY exactly from 0x00 to 0x18
//
// By induction, so for any number of requests.
`default_nettype none

module axi_lite_answers (
    input wire        clk_i,
    input wire        rst_ni,
    input wire [ 7:0] awaddr,
    input wire        awvalid,
    input wire [31:0] wdata,
    input wire [ 3:0] wstrb,
    input wire        wvalid,
    input wire        bready,
    input wire [ 7:0] araddr,
    input wire        arvalid,
    input wire        rready,
    input wire        idle_i,
    input wire        done_i,
    input wire [31:0] cycles_i
);
  wire awready, wready, bvalid, arready, rvalid, run, abort;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata, word;
  wire [2:0] clear, writes;

  axi_lite_registers dut (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axil_awaddr(awaddr),
      .s_axil_awvalid(awvalid),
      .s_axil_awready(awready),
      .s_axil_wdata(wdata),
      .s_axil_wstrb(wstrb),
      .s_axil_wvalid(wvalid),
      .s_axil_wready(wready),
      .s_axil_bresp(bresp),
      .s_axil_bvalid(bvalid),
      .s_axil_bready(bready),
      .s_axil_araddr(araddr),
      .s_axil_arvalid(arvalid),
      .s_axil_arready(arready),
      .s_axil_rdata(rdata),
      .s_axil_rresp(rresp),
      .s_axil_rvalid(rvalid),
      .s_axil_rready(rready),
      .idle_i(idle_i),
      .done_i(done_i),
      .cycles_i(cycles_i),
      .stalls_i(cycles_i),
      .error_i(4'd0),
      .number_i(12'd0),
      .run_o(run),
      .abort_o(abort),
      .clear_o(clear),
      .program_write_o(writes[0]),
      .weights_write_o(writes[1]),
      .biases_write_o(writes[2]),
      .word_o(word)
  );

  // Address and data of a write may come apart; the module takes both at once, so a request is either handshake.
  wire write = awvalid && awready;
  wire read = arvalid && arready;
  wire whole = wstrb == 4'hf && awaddr[1:0] == 2'd0;
  wire control = awaddr[7:2] == 6'h08 >> 2;
  wire fills = awaddr >= 8'h20 && awaddr < 8'h30 && idle_i && !run;
  wire good = whole && (control || fills);

  reg past = 0;
  reg [7:0] open_writes, open_reads;
  reg b_waits, r_waits, b_asked, r_asked, was_run, was_good, was_readable;
  reg [1:0] was_bresp, was_rresp;
  reg [31:0] was_rdata, was_word;
  reg [7:0] was_address;

  always @(posedge clk_i) begin
    past        <= 1'b1;
    open_writes <= !rst_ni ? 8'd0 : open_writes + write - (bvalid && bready);
    open_reads  <= !rst_ni ? 8'd0 : open_reads + read - (rvalid && rready);
    b_waits      <= rst_ni && bvalid && !bready;
    r_waits      <= rst_ni && rvalid && !rready;
    b_asked      <= rst_ni && write;
    r_asked      <= rst_ni && read;
    was_run      <= rst_ni && run;
    was_good     <= good;
    was_readable <= araddr[1:0] == 2'd0 && araddr <= 8'h18;
    was_bresp    <= bresp;
    was_rresp    <= rresp;
    was_rdata    <= rdata;
    was_word     <= wdata;
    was_address  <= awaddr;
  end

  always @* begin
    assume (past || !rst_ni);
    assert (awready == wready && (!awready || (awvalid && wvalid)));
    if (past) begin
      assert (open_writes == {7'd0, bvalid} && open_reads == {7'd0, rvalid});
      if (b_waits) assert (bvalid && bresp == was_bresp);
      if (r_waits) assert (rvalid && rresp == was_rresp && rdata == was_rdata);
      if (b_asked) assert (bvalid && bresp == (was_good ? 2'b00 : 2'b10));
      if (r_asked) assert (rvalid && rresp == (was_readable ? 2'b00 : 2'b10));
      if (!b_asked || !was_good) assert (run == was_run && !abort && clear == 3'd0 && writes == 3'd0);
      else begin
        assert (run == (was_address == 8'h08 ? was_word[0] : was_run));
        assert (abort == (was_address == 8'h08 && was_word[1]));
        assert (clear == (was_address == 8'h2c ? was_word[2:0] : 3'd0));
        assert (writes == {was_address == 8'h28, was_address == 8'h24, was_address == 8'h20});
        assert (writes == 3'd0 || word == was_word);
      end
    end
  end
endmodule

`default_nettype wire
